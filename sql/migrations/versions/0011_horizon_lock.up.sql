-- Retention and refreshes take turns: minutes dropped in the middle of a refresh would take derived candles along.

CREATE OR REPLACE FUNCTION market.drop_before(table_name text, horizon timestamptz, OUT dropped integer, OUT waits text)
LANGUAGE plpgsql AS $$
DECLARE
    chunk record;
BEGIN
    dropped := 0;
    IF table_name = 'candles' THEN
        -- Whoever refreshes holds this lock shared, and has read the horizon under it: taken first, for it may be a wait.
        PERFORM pg_advisory_xact_lock(hashtext('market.horizons'));
        -- Whoever writes gaps or candles comes before or after: nothing may change between the look and the drop.
        PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
        PERFORM pg_advisory_xact_lock(hashtext('market.candles'));
    END IF;
    FOR chunk IN
        SELECT c.range_start, c.range_end
        FROM show_chunks(format('market.%I', table_name)::regclass, older_than => horizon) AS shown
        JOIN timescaledb_information.chunks AS c ON format('%I.%I', c.chunk_schema, c.chunk_name)::regclass = shown
        ORDER BY c.range_start
    LOOP
        waits := market.dropping_waits_for(table_name, chunk.range_start, chunk.range_end);
        IF waits IS NOT NULL THEN
            -- Nor a later one: below the horizon nothing is refreshed any more.
            waits := format('%s from %s on: %s', table_name, to_char(chunk.range_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), waits);
            RAISE NOTICE 'retention waits, %', waits;
            EXIT;
        END IF;
        IF table_name = 'candles' THEN
            PERFORM market.forget_before(chunk.range_end);
        END IF;
        PERFORM drop_chunks(format('market.%I', table_name)::regclass, older_than => chunk.range_end);
        INSERT INTO market.horizons AS known VALUES (drop_before.table_name, chunk.range_end)
        ON CONFLICT ON CONSTRAINT horizons_pkey DO UPDATE
        SET dropped_before = greatest(known.dropped_before, excluded.dropped_before);
        dropped := dropped + 1;
    END LOOP;
END
$$;
