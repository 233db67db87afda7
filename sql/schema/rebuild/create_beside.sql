CREATE OR REPLACE PROCEDURE market.create_beside(aggregates text[]) LANGUAGE plpgsql AS $$
DECLARE
    each record;
BEGIN
    -- Retention, which takes this lock as well, comes before or sees that it must wait.
    PERFORM pg_advisory_xact_lock(hashtext('market.candles'));
    CALL market.drop_aggregates(aggregates, '_beside');
    FOR each IN SELECT * FROM market.derived_aggregates() AS d WHERE d.aggregate = ANY (aggregates) ORDER BY d.level LOOP
        IF each.aggregate = 'candles_1d_parts' THEN
            CALL market.create_derived_days('candles_1d_parts_beside');
        ELSE
            CALL market.create_derived(
                each.aggregate || '_beside', each.below || CASE WHEN each.below = ANY (aggregates) THEN '_beside' ELSE '' END,
                each.width
            );
        END IF;
        CALL market.copy_rights(each.aggregate, each.aggregate || '_beside');
        INSERT INTO market.rebuilds VALUES (each.aggregate, 'building')
        ON CONFLICT (aggregate) DO UPDATE SET state = 'building', copied = '{}';
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.create_beside IS 'Creates aggregates beside those in use, each on the one beside it where that is created too; without data.';
