-- What retention drops is recorded, and it drops nothing that the operator has not released.

CREATE TABLE market.imports (
    import_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    instrument_id integer NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    imported_at timestamptz NOT NULL DEFAULT now(),
    CHECK (starts < ends)
);
CREATE INDEX imports_stretch ON market.imports USING gist (tstzrange(starts, ends));
COMMENT ON TABLE market.imports IS 'Stretches of hours with rows that somebody imported on purpose: retention keeps their chunks until those are released. Insert-only, so that nobody waits for another''s import.';

CREATE TABLE market.retentions (
    table_name text PRIMARY KEY,
    after interval NOT NULL,
    released_at timestamptz NOT NULL
);
COMMENT ON TABLE market.retentions IS 'Tables whose rows may be dropped once they are older than `after`: the operator released that.';

CREATE TABLE market.releases (
    table_name text NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    rows bigint NOT NULL,
    imports bigint NOT NULL,
    released_at timestamptz NOT NULL,
    PRIMARY KEY (table_name, starts)
);
COMMENT ON TABLE market.releases IS 'Chunks of history that the operator released by name. A release ends when more rows or another import come to the chunk.';

CREATE TABLE market.drops (
    drop_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    table_name text NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    rows bigint,
    dropped_at timestamptz NOT NULL DEFAULT now(),
    reported_in timestamptz
);
CREATE INDEX drops_table ON market.drops (table_name, ends);
COMMENT ON TABLE market.drops IS 'What retention dropped, a row for each chunk, written in the transaction of the drop. Nothing derived from these stretches can be made again.';
COMMENT ON COLUMN market.drops.starts IS 'Start of the chunk, or end of the drop before it where no chunk lies between.';
COMMENT ON COLUMN market.drops.rows IS 'Null where retention dropped them before it counted.';
COMMENT ON COLUMN market.drops.reported_in IS 'Scheduled time of the run of policy maintenance that reports it; null: none has yet.';

INSERT INTO market.drops (table_name, starts, ends, reported_in)
SELECT table_name, '-infinity', dropped_before, '-infinity' FROM market.horizons;

-- What is to be released is the owner's to say, and what was dropped the owner's to tell.
REVOKE INSERT, UPDATE, DELETE ON market.retentions, market.releases, market.drops FROM chandlery_writer;

CREATE FUNCTION market.dropped(of_table text) RETURNS tstzmultirange LANGUAGE sql STABLE AS $$
    SELECT coalesce(range_agg(tstzrange(starts, ends)), '{}'::tstzmultirange)
    FROM (
        SELECT starts, ends FROM market.drops WHERE table_name = of_table
        UNION ALL
        -- A horizon that somebody put back without its drops.
        SELECT '-infinity', h.dropped_before FROM market.horizons AS h
        WHERE h.table_name = of_table AND NOT EXISTS (
            SELECT FROM market.drops AS d WHERE d.table_name = of_table AND d.ends >= h.dropped_before
        )
    ) AS stretch
$$;
COMMENT ON FUNCTION market.dropped IS 'The stretches of a table that retention has dropped.';

CREATE FUNCTION market.chunk_rows(chunk regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', chunk) INTO found;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.chunk_rows IS 'How many rows a chunk holds, in columns or not.';

CREATE FUNCTION market.due_chunks(of_table text, horizon timestamptz) RETURNS TABLE (
    chunk regclass, starts timestamptz, ends timestamptz, history text, imports bigint, released_rows bigint
) LANGUAGE sql STABLE AS $$
    SELECT c.chunk, c.range_start, c.range_end,
        CASE
            WHEN i.imports > 0 THEN 'imported'
            -- Components write up to 21 days back, of a chunk that is there as a rule.
            WHEN c.chunk_creation_time > c.range_end + INTERVAL '21 days' THEN 'written long after its time'
        END,
        i.imports, r.rows
    FROM (
        SELECT format('%I.%I', chunk_schema, chunk_name)::regclass AS chunk, range_start, range_end, chunk_creation_time
        FROM timescaledb_information.chunks
        WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = market.policy_relation(of_table)
            AND range_end <= horizon
    ) AS c
    CROSS JOIN LATERAL (
        SELECT count(*) AS imports FROM market.imports AS known
        -- Candles that are made of imported ticks are history as those are.
        WHERE (known.table_name = of_table OR (of_table = 'candles' AND known.table_name = 'ticks'))
            AND tstzrange(known.starts, known.ends) && tstzrange(c.range_start, c.range_end)
    ) AS i
    LEFT JOIN market.releases AS r ON r.table_name = of_table AND r.starts = c.range_start AND r.imports = i.imports
$$;
COMMENT ON FUNCTION market.due_chunks IS 'The chunks that lie wholly before a horizon. history: why nobody expects their rows to go, null of rows that came in their time; released_rows: how many of them the operator released by name.';

DROP FUNCTION market.forget_before(timestamptz);
CREATE FUNCTION market.forget_between(lower timestamptz, upper timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- What tells of candles goes along with them. What is dropped is neither missing nor to be asked for.
    DELETE FROM market.uncounted WHERE hour >= lower AND hour < upper;
    DELETE FROM market.feed_minutes WHERE bucket >= lower AND bucket < upper;
    DELETE FROM market.gaps WHERE healed_at IS NULL AND starts >= lower AND ends <= upper;
    UPDATE market.gaps AS g
    SET starts = CASE WHEN g.starts >= lower THEN upper ELSE g.starts END,
        ends = CASE WHEN g.ends <= upper THEN lower ELSE g.ends END,
        minutes = greatest(g.minutes - (
            SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer
            FROM market.expected_stretches(greatest(g.starts, lower), least(g.ends, upper)) AS s
            JOIN market.instruments AS n USING (calendar)
            WHERE n.instrument_id = g.instrument_id
        ), 1)
    WHERE g.healed_at IS NULL AND g.starts < upper AND g.ends > lower;
END
$$;
COMMENT ON FUNCTION market.forget_between IS 'Forgets what is known about candles that are dropped: marks, feeds'' minutes, open gaps. A gap that reaches further keeps the rest.';

DROP FUNCTION market.drop_before(text, timestamptz);
CREATE FUNCTION market.drop_before(
    of_table text, horizon timestamptz, age interval,
    OUT dropped_from timestamptz, OUT dropped_to timestamptz, OUT dropped_rows bigint, OUT waits text
) LANGUAGE plpgsql AS $$
DECLARE
    is_released boolean := EXISTS (SELECT FROM market.retentions AS r WHERE r.table_name = of_table AND r.after <= age);
    due record;
    locked record;
    before timestamptz;
    merged tstzrange;
BEGIN
    -- One at a time, or both would go for the same chunk.
    PERFORM pg_advisory_xact_lock(hashtext('market.drops of ' || of_table));
    IF of_table = 'candles' THEN
        -- Whoever refreshes holds this lock shared, and has read what is dropped under it: taken first, for it may be a wait.
        PERFORM pg_advisory_xact_lock(hashtext('market.horizons'));
        -- Whoever writes gaps or candles comes before or after: nothing may change between the look and the drop.
        PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
        PERFORM pg_advisory_xact_lock(hashtext('market.candles'));
    END IF;
    FOR due IN SELECT * FROM market.due_chunks(of_table, horizon) AS d ORDER BY d.starts LOOP
        CONTINUE WHEN CASE WHEN due.history IS NULL THEN NOT is_released ELSE due.released_rows IS NULL END;
        waits := market.dropping_waits_for(of_table, due.starts, due.ends);
        IF waits IS NOT NULL THEN
            -- Nor a later one, so that what is kept begins at one edge.
            waits := format('%s from %s on: %s', of_table, to_char(due.starts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), waits);
            RAISE NOTICE 'retention waits, %', waits;
            RETURN;
        END IF;
        -- Whoever still wrote to it has committed then: what is counted is what goes.
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', due.chunk);
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
        IF of_table = 'candles' THEN
            PERFORM market.forget_between(dropped_from, dropped_to);
            -- Answers that are kept under a fingerprint of these hours hold no more.
            UPDATE market.hour_versions SET version = version + 1 WHERE hour >= due.starts AND hour < due.ends;
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
        IF of_table = 'candles' THEN
            SELECT stretch INTO merged FROM unnest(market.dropped(of_table)) AS stretch WHERE stretch @> due.starts;
            PERFORM drop_chunks('market.candle_hours', older_than => upper(merged), newer_than => lower(merged));
        END IF;
        RAISE NOTICE 'retention dropped % from % to %: % rows', of_table, dropped_from, dropped_to, dropped_rows;
        RETURN;
    END LOOP;
END
$$;
COMMENT ON FUNCTION market.drop_before IS 'Drops and records the oldest chunk before a horizon that may go: of a table whose retention after this age is released, or released by name. Says which, how many rows, and what it waits for; nulls: none may.';

CREATE OR REPLACE PROCEDURE market.apply_retention(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    age interval := (config ->> 'drop_after')::interval;
    horizon timestamptz := now() - age;
    done record;
BEGIN
    LOOP
        SELECT * INTO done FROM market.drop_before(config ->> 'table_name', horizon, age);
        EXIT WHEN done.dropped_to IS NULL;
        -- A chunk a transaction: nobody waits for all of them.
        COMMIT;
    END LOOP;
END
$$;

-- What retention has dropped is not expected: neither coverage nor a scan for gaps may look there.
CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    -- Open hours, breaks left out, cut at each full hour: so that a stretch is some minutes of one hour.
    SELECT s.calendar, s.session_date, tick.hour, stretch.starts, stretch.ends
    FROM market.sessions AS s
    CROSS JOIN LATERAL (
        VALUES (s.opens_at, coalesce(s.break_starts_at, s.closes_at)), (s.break_ends_at, s.closes_at)
    ) AS open (starts, ends)
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', greatest(open.starts, window_starts), '2000-01-01 00:00Z'),
        least(open.ends, window_ends) - INTERVAL '1 microsecond',
        INTERVAL '1 hour'
    ) AS tick (hour)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, tick.hour, window_starts) AS starts,
            least(open.ends, tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts AND open.starts IS NOT NULL
        -- A window that begins or ends in a break.
        AND stretch.starts < stretch.ends
        -- Chunks are whole days: an hour is dropped or it is not. Read once, not for each hour.
        AND NOT tick.hour <@ (SELECT market.dropped('candles'))
$$;
