-- Presence, gaps and marks of candles alone again, in the tables that they had.

-- All writers wait, in the order in which triggers and components come to these tables: a mark that was written and not
-- committed when marks are copied would be dropped with its table.
SELECT pg_advisory_xact_lock(hashtext('market.gaps')), pg_advisory_xact_lock(hashtext('market.candles'));
LOCK TABLE ONLY market.ticks, ONLY market.dirty, ONLY market.candles, market.marks, market.open_hours, market.hour_versions
    IN ACCESS EXCLUSIVE MODE;

DO $$
DECLARE
    held text;
BEGIN
    SELECT string_agg(format('%s of %s', relation, dataset), ', ' ORDER BY relation, dataset) INTO held
    FROM (
        SELECT DISTINCT 'market.candle_hours' AS relation, dataset FROM market.candle_hours
        UNION SELECT DISTINCT 'market.gaps', dataset FROM market.gaps
        UNION SELECT DISTINCT 'market.judged', dataset FROM market.judged
        UNION SELECT DISTINCT 'market.known_data', dataset FROM market.known_data
        UNION SELECT DISTINCT 'market.marks', dataset FROM market.marks
        UNION SELECT DISTINCT 'market.open_hours', dataset FROM market.open_hours
        UNION SELECT DISTINCT 'market.dirty', dataset FROM market.dirty
    ) AS known
    WHERE dataset <> 'candles';
    IF held IS NOT NULL THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = format(
                'the schema before knows candles alone, and there are rows in %s: delete them, and downgrade again; they are found'
                ' again after an upgrade', held
            );
    END IF;
END
$$;

-- What reads the column, or was not there.
DROP VIEW IF EXISTS market.open_gaps, market.coverage;
DROP FUNCTION IF EXISTS market.hour_coverage(timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.expected_stretches(text, timestamptz, timestamptz);
DROP VIEW IF EXISTS market.lives;
DROP TABLE market.known_data;
DROP FUNCTION IF EXISTS market.hour_coverage(text, bit, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.forget_judged(text, integer[], timestamptz[], timestamptz[]);
DROP VIEW IF EXISTS market.judged_stretches;
DROP FUNCTION IF EXISTS market.fingerprint_candles(text, integer, timestamptz, timestamptz, boolean, interval, text[], interval[]);
DROP TRIGGER mark_inserted_ticks ON market.ticks;
DROP TRIGGER mark_updated_ticks ON market.ticks;
DROP TRIGGER mark_deleted_tick ON market.ticks;
DROP TRIGGER mark_inserted_hours ON market.candles;
DROP TRIGGER mark_updated_hours ON market.candles;
DROP TRIGGER mark_deleted_hour ON market.candles;
DROP TRIGGER mark_updated_by_hand ON market.candles;
DROP TRIGGER mark_deleted_by_hand ON market.candles;
DROP FUNCTION IF EXISTS market.forget_presence(text, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.mark_hours();
DROP FUNCTION IF EXISTS market.mark_changed_by_hand();

CREATE TABLE market.uncounted (
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
CREATE INDEX uncounted_hour_idx ON market.uncounted (hour);
ALTER TABLE market.uncounted SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.uncounted IS 'Insert-only marks: these hours of these instruments have candles that changed since they were counted.';
CREATE TABLE market.stale (
    stale_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
ALTER TABLE market.stale SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX stale_hour_idx ON market.stale (hour);
COMMENT ON TABLE market.stale IS 'Insert-only marks: minutes of these hours and instruments changed, so the derived buckets over them are stale. Whoever has refreshed them takes the mark.';
CREATE TABLE market.unindicated (
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL,
    timeframe text,
    due_at timestamptz
);
CREATE INDEX unindicated_hour_idx ON market.unindicated (hour);
ALTER TABLE market.unindicated SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.unindicated IS 'Insert-only marks: the derived candles over these hours of these instruments are fresh, but their stored indicators are older.';
COMMENT ON COLUMN market.unindicated.timeframe IS 'The one timeframe to compute; null: all.';
COMMENT ON COLUMN market.unindicated.due_at IS 'When its bucket will have closed; null: at once.';
COMMENT ON TABLE market.unindicated_hours IS 'The due marks of market.unindicated, one row for each instrument, so that some instruments can be done at a time.';
INSERT INTO market.uncounted SELECT hour, instrument_ids FROM market.marks WHERE work = 'count';
INSERT INTO market.stale (hour, instrument_ids)
SELECT hour, instrument_ids FROM market.marks WHERE work = 'refresh' ORDER BY mark_id;
INSERT INTO market.unindicated SELECT hour, instrument_ids, timeframe, due_at FROM market.marks WHERE work = 'indicate';
DROP TABLE market.marks;
DROP FUNCTION IF EXISTS market.version_hours();

COMMENT ON COLUMN market.instruments.history IS 'Days, UTC, of what was imported of the time before live_since; those a week apart or less are joined.';
ALTER TABLE market.dirty DROP COLUMN dataset;
COMMENT ON TABLE market.dirty IS 'Insert-only marks: these one-minute buckets of these instruments have ticks that changed. A run takes marks and writes their candles in one transaction.';
ALTER TABLE market.open_hours DROP COLUMN dataset;
-- Versions of other data sets tell of nothing any more.
DELETE FROM market.hour_versions WHERE dataset <> 'candles';
ALTER TABLE market.hour_versions DROP COLUMN dataset, ADD PRIMARY KEY (share, hour);
COMMENT ON TABLE market.hour_versions IS 'How many transactions have changed candles of an hour, of the instruments whose id leaves the rest share when divided by 64. Never deleted from: the sum over a stretch grows with every change, and with nothing else.';
DELETE FROM market.scans WHERE dataset <> 'candles';
ALTER TABLE market.scans DROP COLUMN dataset, ADD PRIMARY KEY (component);
DELETE FROM market.reaches WHERE dataset <> 'candles';
ALTER TABLE market.reaches DROP COLUMN dataset, ADD PRIMARY KEY (component, share);
ALTER TABLE market.judged DROP COLUMN dataset, ADD PRIMARY KEY (instrument_id, component);
ALTER TABLE market.gaps
    DROP CONSTRAINT gaps_open_never_overlap,
    DROP COLUMN dataset,
    ADD CONSTRAINT gaps_open_never_overlap EXCLUDE USING gist (
        box(
            point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
            point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
        ) WITH &&
    ) WHERE (healed_at IS NULL) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE market.candle_hours DROP COLUMN dataset;
ALTER TABLE market.candle_hours ADD PRIMARY KEY (instrument_id, hour) INCLUDE (complete, partial, trades);
COMMENT ON TABLE market.candle_hours IS 'Which minutes of an hour have a candle: made anew from market.candles for each hour that market.uncounted names.';
COMMENT ON COLUMN market.candle_hours.complete IS 'Minutes with a candle that is not partial, the first minute leftmost.';
COMMENT ON COLUMN market.candle_hours.partial IS 'Minutes with a partial candle.';
COMMENT ON COLUMN market.candle_hours.trades IS 'Trades of the hour; null where a candle does not say.';

-- The former functions of triggers, and what they call, with their views: ticks and candles come in until the older code has
-- made its own.
-- The functions run with their owner's rights, so that a writer of ticks needs no right on the marks.
CREATE OR REPLACE FUNCTION market.mark_inserted_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stranger integer;
BEGIN
    WITH marks AS (
        INSERT INTO market.dirty (bucket, instrument_ids, ticks)
        SELECT bucket, array_agg(instrument_id), array_agg(ticks)
        FROM (
            SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id, count(*) AS ticks
            FROM written GROUP BY 1, 2
        ) AS touched
        GROUP BY bucket
        RETURNING instrument_ids
    )
    SELECT min(marked.instrument_id) INTO stranger
    FROM marks CROSS JOIN unnest(marks.instrument_ids) AS marked (instrument_id)
    WHERE NOT EXISTS (
        SELECT FROM market.instruments AS known WHERE known.instrument_id = marked.instrument_id
    );
    IF stranger IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('instrument_id %s is not in market.instruments', stranger),
            HINT = 'add the instrument first: chandlery instruments add EXCHANGE@SYMBOL@TYPE --calendar NAME';
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_updated_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids integer[];
    times timestamptz[];
    seqs bigint[];
    twice record;
BEGIN
    -- A correction may move a tick to another minute or instrument: both ends changed.
    INSERT INTO market.dirty (bucket, instrument_ids, ticks)
    SELECT bucket, array_agg(instrument_id), array_agg(0)
    FROM (
        SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id
        FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
        GROUP BY 1, 2
    ) AS touched
    GROUP BY bucket;
    -- TimescaleDB before 2.28 holds a moved row against rows alone, and not against batches of columns.
    SELECT array_agg(instrument_id), array_agg(time), array_agg(seq) INTO ids, times, seqs
    FROM (SELECT instrument_id, time, seq FROM written EXCEPT SELECT instrument_id, time, seq FROM removed) AS moved;
    IF ids IS NOT NULL THEN
        SELECT moved.* INTO twice
        FROM unnest(ids, times, seqs) AS moved (instrument_id, time, seq)
        WHERE 1 < (
            SELECT count(*) FROM market.ticks AS stored
            WHERE stored.instrument_id = moved.instrument_id AND stored.time = moved.time AND stored.seq = moved.seq
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE unique_violation USING
                MESSAGE = format(
                    'a tick of instrument_id %s at %s with seq %s is stored already', twice.instrument_id, twice.time, twice.seq
                ),
                HINT = 'give the tick that moves another seq, or cancel it';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_deleted_tick() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.dirty (bucket, instrument_ids, ticks)
    VALUES (date_bin('1 minute', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id], ARRAY[0]);
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_inserted_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id) FROM written GROUP BY 1;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_updated_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id)
    FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
    GROUP BY 1;
    IF NOT market.candles_written_by_us() THEN
        -- Changed behind our back: to be made anew from its ticks.
        INSERT INTO market.dirty (bucket, instrument_ids, ticks)
        SELECT time, array_agg(instrument_id), array_agg(-1)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        GROUP BY time;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE FUNCTION market.mark_deleted_candle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    VALUES (date_bin('1 hour', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id]);
    IF NOT market.candles_written_by_us() THEN
        INSERT INTO market.dirty (bucket, instrument_ids, ticks) VALUES (OLD.time, ARRAY[OLD.instrument_id], ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$$;
-- A mark for whoever counts presence, and one for whoever refreshes what is derived.
CREATE OR REPLACE FUNCTION market.mark_candle_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.stale (hour, instrument_ids) SELECT hour, instrument_ids FROM marked;
    RETURN NULL;
END
$$;
-- In the transaction of the change, as the marks. Who changes an hour waits for whoever changes it already, so that versions
-- are told in the order in which they become visible; all in one order, to wait for nobody in a circle.
CREATE OR REPLACE FUNCTION market.version_candle_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.hour_versions AS known (share, hour, version)
    SELECT share, hour, 1
    FROM (SELECT DISTINCT id % 64 AS share, hour FROM marked CROSS JOIN unnest(instrument_ids) AS id) AS changed
    ORDER BY hour, share
    ON CONFLICT (share, hour) DO UPDATE SET version = known.version + 1
    -- Once a transaction: deleting an hour's candles marks it once for each.
    WHERE known.xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END
$$;
CREATE OR REPLACE VIEW market.lives AS
SELECT
    n.instrument_id,
    CASE
        WHEN coalesce(n.listed_at, n.data_from) IS NULL OR n.delisted_at <= coalesce(n.listed_at, n.data_from) THEN '{}'
        ELSE tstzmultirange(tstzrange(coalesce(n.listed_at, n.data_from), n.delisted_at))
    END * CASE
        WHEN feed.live_since IS NOT NULL
        THEN n.history + tstzmultirange(tstzrange(least(feed.live_since, n.listed_at), NULL))
        WHEN feed.has_history THEN n.history
        ELSE '{(,)}'
    END AS life
FROM market.instruments AS n
JOIN (
    SELECT feed, min(live_since) AS live_since, bool_or(history <> '{}') AS has_history
    FROM market.instruments GROUP BY feed
) AS feed USING (feed);
COMMENT ON VIEW market.lives IS 'When candles are expected of each instrument, by its listing or first candle: since its feed is live, and on the days of its history. Of a feed without any data, since the listing.';
CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    -- Open hours cut at each full hour: so that a stretch is some minutes of one hour.
    SELECT s.calendar, s.session_date, tick.hour, stretch.starts, stretch.ends
    FROM market.sessions AS s
    CROSS JOIN LATERAL unnest(s.open_hours) AS open
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', greatest(lower(open), window_starts), '2000-01-01 00:00Z'),
        least(upper(open), window_ends) - INTERVAL '1 microsecond',
        INTERVAL '1 hour'
    ) AS tick (hour)
    CROSS JOIN LATERAL (
        SELECT
            greatest(lower(open), tick.hour, window_starts) AS starts,
            least(upper(open), tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts
        -- A window that begins or ends in a break.
        AND stretch.starts < stretch.ends
        -- Chunks are whole days: an hour is dropped or it is not. Read once, not for each hour.
        AND NOT tick.hour <@ (SELECT market.dropped('candles'))
$$;
COMMENT ON FUNCTION market.expected_stretches IS 'When candles are expected, by calendar: one row per contiguous stretch inside an hour.';
CREATE OR REPLACE VIEW market.judged_stretches AS
SELECT
    j.component, j.instrument_id,
    j.stretches + CASE WHEN j.since < r.ends THEN tstzmultirange(tstzrange(j.since, r.ends)) ELSE '{}' END AS stretches
FROM market.judged AS j
JOIN market.instruments AS n USING (instrument_id, calendar, feed)
LEFT JOIN market.reaches AS r USING (component, share);
COMMENT ON VIEW market.judged_stretches IS 'The times each gap monitor has judged of each instrument. What another calendar or feed led to counts no longer.';
CREATE OR REPLACE FUNCTION market.forget_judged(instrument_ids integer[], first_minutes timestamptz[], last_minutes timestamptz[])
RETURNS void LANGUAGE sql
BEGIN ATOMIC
    UPDATE market.judged AS j
    SET stretches = known.stretches - gone.stretch, share = NULL, since = NULL
    FROM (
        SELECT instrument_id, tstzmultirange(tstzrange(min(first), max(last) + INTERVAL '1 minute')) AS stretch
        FROM unnest(instrument_ids, first_minutes, last_minutes) AS changed (instrument_id, first, last)
        GROUP BY instrument_id
    ) AS gone
    JOIN market.judged_stretches AS known USING (instrument_id)
    WHERE j.instrument_id = known.instrument_id AND j.component = known.component AND known.stretches && gone.stretch;
END;
COMMENT ON FUNCTION market.forget_judged IS 'Of each instrument, what lies between the first and the last of some minutes is judged no longer.';
CREATE OR REPLACE FUNCTION market.forget_judged_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (SELECT instrument_id, hour, complete | partial AS bits FROM after) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    ELSE
        PERFORM market.forget_judged(array_agg(instrument_id), array_agg(first), array_agg(last))
        FROM (
            SELECT instrument_id, hour, (before.complete # after.complete) | (before.partial # after.partial) AS bits
            FROM before JOIN after USING (instrument_id, hour)
        ) AS changed
        CROSS JOIN LATERAL market.minutes_around(hour, bits)
        WHERE bit_count(bits) > 0;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_hours IS 'Where candles came, went or changed, silence was judged by other data.';
-- The lock of the ledger makes it sure that no scan of the former sessions is under way, to judge what it has not seen.
CREATE OR REPLACE FUNCTION market.forget_judged_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
    UPDATE market.judged AS j
    SET stretches = known.stretches - come.stretches, share = NULL, since = NULL
    FROM (
        SELECT calendar, range_agg(tstzrange(opens_at, closes_at)) AS stretches FROM changed GROUP BY calendar
    ) AS come, market.judged_stretches AS known
    WHERE j.calendar = come.calendar AND known.instrument_id = j.instrument_id AND known.component = j.component
        AND known.stretches && come.stretches;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.forget_judged_sessions IS 'What a session makes expected was judged by nobody yet.';
CREATE OR REPLACE VIEW market.open_gaps AS
SELECT
    g.gap_id, n.instrument_key, n.feed, g.starts, g.ends, g.minutes, g.reason, g.evidence, g.found_at, g.attempts, g.next_attempt_at
FROM market.gaps AS g JOIN market.instruments AS n USING (instrument_id)
WHERE g.healed_at IS NULL;
COMMENT ON VIEW market.open_gaps IS 'What is missing and not explained.';
CREATE OR REPLACE FUNCTION market.hour_coverage(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (
    instrument_id integer, session_date date, hour timestamptz, expected bit(60), present bit(60), open bit(60), judged bit(60)
) LANGUAGE sql STABLE AS $$
    -- Candles are expected from an instrument's listing, or else its first known data, up to its last.
    SELECT
        n.instrument_id, s.session_date, s.hour, e.minutes, coalesce(h.complete & e.minutes, 0::bit(60)),
        coalesce(
            (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends)))
                FROM market.gaps AS g
                WHERE g.instrument_id = n.instrument_id AND g.healed_at IS NULL AND g.starts < s.ends AND g.ends > s.starts
            ) & e.minutes & ~coalesce(h.complete, 0::bit(60)),
            0::bit(60)
        ),
        CASE
            WHEN j.stretches @> tstzrange(s.starts, s.ends) THEN e.minutes
            WHEN j.stretches && tstzrange(s.starts, s.ends) THEN (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, lower(part)), market.minute_of(s.hour, upper(part))))
                FROM unnest(j.stretches * tstzmultirange(tstzrange(s.starts, s.ends))) AS part
            ) & e.minutes
            ELSE 0::bit(60)
        END
    FROM market.instruments AS n
    JOIN market.expected_stretches(window_starts, window_ends) AS s
        ON s.calendar = n.calendar
        AND s.ends > coalesce(n.listed_at, n.data_from) AND (s.starts < n.delisted_at) IS NOT FALSE
    CROSS JOIN LATERAL (
        SELECT market.minute_mask(
            market.minute_of(s.hour, greatest(s.starts, coalesce(n.listed_at, n.data_from))),
            market.minute_of(s.hour, least(s.ends, n.delisted_at))
        ) AS minutes
    ) AS e
    LEFT JOIN market.candle_hours AS h
        ON h.instrument_id = n.instrument_id AND h.hour = s.hour
        AND h.hour > window_starts - INTERVAL '1 hour' AND h.hour < window_ends
    CROSS JOIN LATERAL (
        SELECT range_agg(known.stretches) AS stretches
        FROM market.judged_stretches AS known
        WHERE known.instrument_id = n.instrument_id
    ) AS j
$$;
COMMENT ON FUNCTION market.hour_coverage IS 'Expected, present, open and judged minutes of each instrument and hour; silence that is judged and not open is explained.';
CREATE OR REPLACE VIEW market.coverage AS
SELECT *, round((present + explained)::numeric / expected, 6) AS coverage
FROM (
    SELECT
        n.instrument_key, n.feed, c.session_date,
        sum(bit_count(c.expected)) AS expected,
        sum(bit_count(c.present)) AS present,
        sum(bit_count(c.expected & ~c.present & ~c.open & c.judged)) AS explained,
        sum(bit_count(c.open)) AS missing,
        sum(bit_count(c.expected & ~c.present & ~c.open & ~c.judged)) AS not_judged
    FROM market.hour_coverage('-infinity', (SELECT max(upper(stretches)) FROM market.judged_stretches)) AS c
    JOIN market.instruments AS n USING (instrument_id)
    WHERE bit_count(c.expected) > 0
    GROUP BY n.instrument_key, n.feed, c.session_date
) AS day;
COMMENT ON VIEW market.coverage IS 'Per instrument and session date, up to the last minute a gap monitor has judged: (present + explained) / expected. Missing is what was judged, and is open; what nobody has judged is neither.';

CREATE TRIGGER mark_candle_hours AFTER INSERT ON market.uncounted
    REFERENCING NEW TABLE AS marked FOR EACH STATEMENT EXECUTE FUNCTION market.mark_candle_hours();
CREATE TRIGGER version_candle_hours AFTER INSERT ON market.uncounted
    REFERENCING NEW TABLE AS marked FOR EACH STATEMENT EXECUTE FUNCTION market.version_candle_hours();
CREATE TRIGGER mark_inserted_candles AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_inserted_candles();
CREATE TRIGGER mark_updated_candles AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_updated_candles();
CREATE TRIGGER mark_deleted_candle AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_deleted_candle();
CREATE TRIGGER mark_inserted_ticks AFTER INSERT ON market.ticks
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_inserted_ticks();
CREATE TRIGGER mark_updated_ticks AFTER UPDATE ON market.ticks
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_updated_ticks();
CREATE TRIGGER mark_deleted_tick AFTER DELETE ON market.ticks
    FOR EACH ROW EXECUTE FUNCTION market.mark_deleted_tick();

-- Default privileges know no difference between a table and a view.
REVOKE INSERT, UPDATE, DELETE ON market.lives, market.judged_stretches, market.open_gaps, market.coverage FROM chandlery_writer;
DO $$
DECLARE
    theirs regprocedure;
BEGIN
    FOR theirs IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef AND proacl IS NULL
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', theirs);
    END LOOP;
END
$$;
