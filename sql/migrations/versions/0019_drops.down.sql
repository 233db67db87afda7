-- Retention drops by the clock alone again.

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
            greatest(
                open.starts, tick.hour, window_starts,
                (SELECT dropped_before FROM market.horizons WHERE table_name = 'candles')
            ) AS starts,
            least(open.ends, tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts AND open.starts IS NOT NULL
        -- A window that begins or ends in a break, or below the horizon.
        AND stretch.starts < stretch.ends
$$;

CREATE OR REPLACE PROCEDURE market.apply_retention(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM market.drop_before(config ->> 'table_name', now() - (config ->> 'drop_after')::interval);
END
$$;

DROP FUNCTION market.drop_before(text, timestamptz, interval);
DROP FUNCTION market.forget_between(timestamptz, timestamptz);
CREATE FUNCTION market.forget_before(horizon timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- What tells of candles goes along with them. What is dropped is neither missing nor to be asked for.
    PERFORM drop_chunks('market.candle_hours', older_than => horizon);
    DELETE FROM market.uncounted WHERE hour < horizon;
    DELETE FROM market.feed_minutes WHERE bucket < horizon;
    DELETE FROM market.gaps WHERE healed_at IS NULL AND ends <= horizon;
    UPDATE market.gaps AS g
    SET starts = horizon, minutes = greatest(g.minutes - (
        SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer
        FROM market.expected_stretches(g.starts, horizon) AS s JOIN market.instruments AS n USING (calendar)
        WHERE n.instrument_id = g.instrument_id
    ), 1)
    WHERE g.healed_at IS NULL AND g.starts < horizon;
END
$$;
COMMENT ON FUNCTION market.forget_before IS 'Drops what is known about candles that are no longer kept: hours, feeds'' minutes, open gaps.';

CREATE FUNCTION market.drop_before(table_name text, horizon timestamptz, OUT dropped integer, OUT waits text)
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
COMMENT ON FUNCTION market.drop_before IS 'Drops the chunks that lie wholly before a horizon, the oldest first, up to one that something still needs; says how many, and what it waits for.';

DROP FUNCTION market.due_chunks(text, timestamptz);
DROP FUNCTION market.chunk_rows(regclass);
DROP FUNCTION market.dropped(text);
DROP TABLE market.drops, market.releases, market.retentions, market.imports;
