CREATE OR REPLACE FUNCTION market.dropping_waits_for(table_name text, starts timestamptz, ends timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    rollup market.rollups;
    up_to timestamptz;
BEGIN
    IF EXISTS (
        SELECT FROM market.dirty AS d
        WHERE d.bucket >= starts AND d.bucket < ends AND d.dataset IN (SELECT market.made_of(table_name))
    ) THEN
        RETURN 'minutes there are still to be aggregated';
    ELSIF EXISTS (
        SELECT FROM market.marks AS m
        WHERE m.dataset = table_name AND m.work = 'refresh' AND m.hour >= starts AND m.hour < ends
    ) OR EXISTS (
        SELECT FROM market.open_hours AS o WHERE o.dataset = table_name AND o.hour >= starts AND o.hour < ends
    ) THEN
        RETURN 'what is derived of it is stale';
    END IF;
    -- Its own roll-ups. What was replaced is kept to go back to, and gets what was dropped from the one in use.
    FOR rollup IN SELECT * FROM market.rollups AS r WHERE r.dataset = table_name ORDER BY r.level, r.relation LOOP
        -- What is being built needs all rows that were there when it began.
        IF to_regclass(format('market.%I', rollup.relation || '_beside')) IS NOT NULL THEN
            RETURN format('%s is being rebuilt', rollup.relation);
        END IF;
        up_to := market.materialized_up_to(rollup.relation);
        -- Without a look where the aggregate is past the chunk's end, as it is as a rule.
        CONTINUE WHEN up_to >= ends;
        IF market.oldest_row_between(rollup.relation, greatest(starts, up_to), ends) IS NOT NULL THEN
            RETURN format('%s is not materialised there', rollup.relation);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.dropping_waits_for IS 'Why the rows of a stretch may not be dropped yet; null: nothing needs them.';
