CREATE OR REPLACE FUNCTION market.dropping_waits_for(table_name text, starts timestamptz, ends timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    aggregate text;
BEGIN
    IF table_name = 'ticks' AND EXISTS (SELECT FROM market.dirty WHERE bucket >= starts AND bucket < ends) THEN
        RETURN 'minutes there are still to be aggregated';
    ELSIF table_name <> 'candles' THEN
        RETURN NULL;
    ELSIF EXISTS (
        SELECT FROM market.marks AS m
        WHERE m.dataset = table_name AND m.work = 'refresh' AND m.hour >= starts AND m.hour < ends
    ) OR EXISTS (
        SELECT FROM market.open_hours AS o WHERE o.dataset = table_name AND o.hour >= starts AND o.hour < ends
    ) THEN
        RETURN 'derived candles over it are stale';
    END IF;
    FOR aggregate IN SELECT view_name FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'market' LOOP
        -- What was replaced is kept to go back to, and gets what was dropped from the one in use.
        CONTINUE WHEN aggregate LIKE '%\_before';
        -- What is being built needs all minutes that were there when it began.
        IF aggregate LIKE '%\_beside' THEN
            RETURN format('%s is being rebuilt', left(aggregate, -length('_beside')));
        END IF;
        -- Without a look where the aggregate is past the chunk's end, as it is as a rule.
        CONTINUE WHEN market.materialized_up_to(aggregate) >= ends;
        IF market.oldest_candle_between(
            greatest(starts, market.materialized_up_to(aggregate)), ends, aggregate LIKE 'candles_1d_parts%'
        ) IS NOT NULL THEN
            RETURN format('%s is not materialised there', aggregate);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.dropping_waits_for IS 'Why the rows of a stretch may not be dropped yet; null: nothing needs them.';
