CREATE OR REPLACE FUNCTION market.drop_before(
    of_table text, horizon timestamptz, age interval,
    OUT dropped_from timestamptz, OUT dropped_to timestamptz, OUT dropped_rows bigint, OUT waits text
) LANGUAGE plpgsql AS $$
DECLARE
    is_released boolean := EXISTS (SELECT FROM market.retentions AS r WHERE r.table_name = of_table AND r.after <= age);
    -- Whose rows are counted, and missed: of any other nothing is known that could be forgotten.
    is_watched boolean := EXISTS (SELECT FROM market.hour_versions AS v WHERE v.dataset = of_table)
        OR EXISTS (SELECT FROM market.cadences AS k WHERE k.dataset = of_table);
    due record;
    locked record;
    before timestamptz;
    merged tstzrange;
BEGIN
    -- One at a time, or both would go for the same chunk.
    PERFORM pg_advisory_xact_lock(hashtext('market.drops of ' || of_table));
    IF EXISTS (SELECT FROM market.rollups AS r WHERE r.dataset = of_table) THEN
        -- A refresh holds this lock shared, and has read what is dropped under it: taken first, since it may be a wait.
        PERFORM pg_advisory_xact_lock(hashtext('market.horizons'));
    END IF;
    IF is_watched THEN
        -- A writer of gaps, or of its rows, comes before or after: nothing may change between the look and the drop.
        PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
        PERFORM pg_advisory_xact_lock(hashtext('market.' || of_table));
    END IF;
    FOR due IN SELECT * FROM market.due_chunks(of_table, horizon) AS d ORDER BY d.starts LOOP
        CONTINUE WHEN CASE WHEN due.history IS NULL THEN NOT is_released ELSE due.released_rows IS NULL END;
        waits := market.dropping_waits_for(of_table, due.starts, due.ends);
        IF waits IS NULL THEN
            -- Those that still wrote to it have committed then: what is counted is what goes, and what it needs is seen.
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', due.chunk);
            waits := market.dropping_waits_for(of_table, due.starts, due.ends);
        END IF;
        IF waits IS NOT NULL THEN
            -- Nor a later one, so that what is kept begins at one edge.
            waits := format('%s from %s on: %s', of_table, to_char(due.starts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), waits);
            RAISE NOTICE 'retention waits, %', waits;
            RETURN;
        END IF;
        SELECT d.history, d.released_rows, market.chunk_rows(d.chunk) AS rows INTO locked
        FROM market.due_chunks(of_table, due.ends) AS d WHERE d.starts = due.starts;
        -- A release covers what was named, and not what has come since.
        IF (CASE WHEN locked.history IS NULL THEN NOT is_released ELSE locked.rows > coalesce(locked.released_rows, -1) END) THEN
            DELETE FROM market.releases AS r WHERE r.table_name = of_table AND r.starts = due.starts;
            CONTINUE;
        END IF;

        before := (SELECT max(d.ends) FROM market.drops AS d WHERE d.table_name = of_table AND d.ends <= due.starts);
        IF EXISTS (SELECT FROM market.due_chunks(of_table, due.starts) AS d WHERE d.starts >= before) THEN
            before := NULL;
        END IF;
        dropped_from := coalesce(before, due.starts);
        dropped_to := due.ends;
        dropped_rows := locked.rows;
        IF is_watched THEN
            PERFORM market.forget_between(of_table, dropped_from, dropped_to);
            -- Answers that are kept under a fingerprint of these hours hold no more.
            UPDATE market.hour_versions SET version = version + 1
            WHERE dataset = of_table AND hour >= due.starts AND hour < due.ends;
        END IF;
        PERFORM drop_chunks(format('market.%I', of_table)::regclass, older_than => due.ends, newer_than => due.starts);
        INSERT INTO market.drops (table_name, starts, ends, reported_in)
        SELECT of_table, lower(stretch), upper(stretch), '-infinity' FROM unnest(market.dropped(of_table)) AS stretch
        WHERE NOT EXISTS (SELECT FROM market.drops AS d WHERE d.table_name = of_table AND d.ends >= upper(stretch));
        INSERT INTO market.drops (table_name, starts, ends, rows) VALUES (of_table, dropped_from, dropped_to, dropped_rows);
        INSERT INTO market.horizons AS h VALUES (of_table, due.ends)
        ON CONFLICT ON CONSTRAINT horizons_pkey DO UPDATE
        SET dropped_before = greatest(h.dropped_before, excluded.dropped_before);
        DELETE FROM market.releases AS r WHERE r.table_name = of_table AND r.starts = due.starts;
        DELETE FROM market.imports AS i WHERE i.table_name = of_table AND i.starts >= due.starts AND i.ends <= due.ends;
        IF is_watched THEN
            SELECT stretch INTO merged FROM unnest(market.dropped(of_table)) AS stretch WHERE stretch @> due.starts;
            PERFORM market.forget_presence(of_table, lower(merged), upper(merged));
        END IF;
        RAISE NOTICE 'retention dropped % from % to %: % rows', of_table, dropped_from, dropped_to, dropped_rows;
        RETURN;
    END LOOP;
END
$$;
COMMENT ON FUNCTION market.drop_before IS 'Drops and records the oldest chunk before a horizon that may go: of a table whose retention after this age is released, or released by name. Says which, how many rows, and what it waits for; nulls: none may.';
