-- What is known of rows says of which data set they are; marks of hours are of one kind.

-- Components that count wait here, and those that write candles further down: in the order of their locks.
SELECT pg_advisory_xact_lock(hashtext('market.gaps'));
-- Presence first: its key is made again, which takes some ten seconds a million rows, and feeds need not wait for that.
ALTER TABLE market.candle_hours ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles';
ALTER TABLE market.candle_hours
    DROP CONSTRAINT candle_hours_pkey,
    -- A scan reads all of it by instrument, from the index alone.
    ADD PRIMARY KEY (dataset, instrument_id, hour) INCLUDE (complete, partial, trades);
COMMENT ON TABLE market.candle_hours IS 'Which minutes of an hour have a row of a data set: made anew from its rows for each hour that a mark of market.marks tells to count.';
COMMENT ON COLUMN market.candle_hours.dataset IS 'Whose rows; one of a slower cadence has a minute for each of them.';
COMMENT ON COLUMN market.candle_hours.complete IS 'Minutes with a row that is not partial, the first minute leftmost.';
COMMENT ON COLUMN market.candle_hours.partial IS 'Minutes with a partial row.';
COMMENT ON COLUMN market.candle_hours.trades IS 'Trades of the hour; null where a row does not say.';

ALTER TABLE market.gaps
    ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    DROP CONSTRAINT gaps_open_never_overlap,
    -- As boxes in the plane of instruments and seconds, the last second included: these are compared as plain numbers, and kept
    -- twice as fast as ranges. A plane has no room for data sets: each has a constraint of its own.
    ADD CONSTRAINT gaps_open_never_overlap EXCLUDE USING gist (
        box(
            point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
            point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
        ) WITH &&
    ) WHERE (healed_at IS NULL AND dataset = 'candles') DEFERRABLE INITIALLY DEFERRED;
COMMENT ON COLUMN market.gaps.dataset IS 'Whose rows are missing.';

ALTER TABLE market.judged
    ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    DROP CONSTRAINT judged_pkey,
    ADD PRIMARY KEY (instrument_id, dataset, component);
ALTER TABLE market.reaches
    ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    DROP CONSTRAINT reaches_pkey,
    ADD PRIMARY KEY (dataset, component, share);
ALTER TABLE market.scans
    ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    DROP CONSTRAINT scans_pkey,
    ADD PRIMARY KEY (dataset, component);

CREATE TABLE market.known_data (
    dataset text COLLATE "C" NOT NULL,
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    data_from timestamptz NOT NULL,
    PRIMARY KEY (instrument_id, dataset)
);
COMMENT ON TABLE market.known_data IS 'Since when an instrument has rows of a data set, that of candles aside, which market.instruments tells. Read it by market.lives.';
COMMENT ON COLUMN market.known_data.data_from IS 'The earliest minute that ever had a row. Never moves on: a first row that is lost is missed.';

-- From here on whoever writes ticks or candles waits.
-- All at once, in the order in which triggers and components come to them: a mark that was written and not committed when marks
-- are copied would be dropped with its table, and one by one writers and this migration would wait for each other.
SELECT pg_advisory_xact_lock(hashtext('market.candles'));
LOCK TABLE ONLY market.ticks, ONLY market.dirty, ONLY market.candles, market.uncounted, market.stale, market.unindicated,
    market.open_hours, market.hour_versions IN ACCESS EXCLUSIVE MODE;
ALTER TABLE market.hour_versions
    ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    DROP CONSTRAINT hour_versions_pkey,
    ADD PRIMARY KEY (dataset, share, hour);
COMMENT ON TABLE market.hour_versions IS 'How many transactions have changed a data set''s rows of an hour, of the instruments whose id leaves the rest share when divided by 64. Never deleted from: the sum over a stretch grows with every change, and with nothing else.';

ALTER TABLE market.open_hours ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles';
ALTER TABLE market.dirty ADD COLUMN dataset text COLLATE "C" NOT NULL DEFAULT 'candles';
COMMENT ON TABLE market.dirty IS 'Insert-only marks: these one-minute buckets of these instruments have ticks that changed. A run takes marks and writes what is made of them in one transaction.';
COMMENT ON COLUMN market.dirty.dataset IS 'What is to be made of the ticks.';

-- One row per statement, hour and work, however many instruments it touched.
CREATE TABLE market.marks (
    mark_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset text COLLATE "C" NOT NULL DEFAULT 'candles',
    work text COLLATE "C" NOT NULL CHECK (work IN ('count', 'refresh', 'indicate')),
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL,
    timeframe text,
    due_at timestamptz,
    CHECK (work = 'indicate' OR (timeframe IS NULL AND due_at IS NULL))
);
-- The newest hours are done first: a backlog of imported history lets what was healed today pass.
CREATE INDEX marks_work_hour_idx ON market.marks (dataset, work, hour);
ALTER TABLE market.marks SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.marks IS 'Insert-only: work to be done over these hours of these instruments of a data set. Whoever has done it takes the mark.';
COMMENT ON COLUMN market.marks.work IS 'count: rows changed since their minutes were counted; refresh: derived buckets are older than their minutes; indicate: stored indicators are older than the derived buckets.';
COMMENT ON COLUMN market.marks.timeframe IS 'The one timeframe to indicate; null: all.';
COMMENT ON COLUMN market.marks.due_at IS 'When its bucket will have closed; null: at once.';
INSERT INTO market.marks (work, hour, instrument_ids) SELECT 'count', hour, instrument_ids FROM market.uncounted;
INSERT INTO market.marks (work, hour, instrument_ids) SELECT 'refresh', hour, instrument_ids FROM market.stale ORDER BY stale_id;
INSERT INTO market.marks (work, hour, instrument_ids, timeframe, due_at)
SELECT 'indicate', hour, instrument_ids, timeframe, due_at FROM market.unindicated;
DROP TABLE market.uncounted, market.stale, market.unindicated;
COMMENT ON TABLE market.unindicated_hours IS 'The due marks to indicate of market.marks, one row for each instrument, so that some instruments can be done at a time.';

COMMENT ON COLUMN market.instruments.history IS 'Sessions, and hours outside of them, of what was imported of the time before live_since; those a week apart or less are joined.';

-- The functions of the triggers, as this migration needs them: nothing that is written meanwhile may go without its mark. All
-- others come with those of sql/schema.
CREATE FUNCTION market.mark_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM written GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(ARRAY['count', 'refresh']) AS work;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
            GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(ARRAY['count', 'refresh']) AS work;
    ELSE
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, date_bin('1 hour', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id]
        FROM unnest(ARRAY['count', 'refresh']) AS work;
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION market.mark_changed_by_hand() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF market.candles_written_by_us() THEN
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(-1)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        GROUP BY time;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        VALUES (TG_ARGV[0], OLD.time, ARRAY[OLD.instrument_id], ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION market.version_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.hour_versions AS known (dataset, share, hour, version)
    SELECT dataset, share, hour, 1
    FROM (
        SELECT DISTINCT dataset, id % 64 AS share, hour
        FROM marked CROSS JOIN unnest(instrument_ids) AS id
        WHERE work = 'count'
    ) AS changed
    ORDER BY dataset, hour, share
    ON CONFLICT (dataset, share, hour) DO UPDATE SET version = known.version + 1
    -- Once a transaction: deleting an hour's rows marks it once for each.
    WHERE known.xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END
$$;
CREATE TRIGGER version_hours AFTER INSERT ON market.marks
    REFERENCING NEW TABLE AS marked FOR EACH STATEMENT EXECUTE FUNCTION market.version_hours();

DROP TRIGGER mark_inserted_candles ON market.candles;
DROP TRIGGER mark_updated_candles ON market.candles;
DROP TRIGGER mark_deleted_candle ON market.candles;
CREATE TRIGGER mark_inserted_hours AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('candles');
CREATE TRIGGER mark_updated_hours AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_hours('candles');
-- By row: TimescaleDB refuses transition tables for DELETE on columnstore tables.
CREATE TRIGGER mark_deleted_hour AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_hours('candles');
CREATE TRIGGER mark_updated_by_hand AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_changed_by_hand('candles');
CREATE TRIGGER mark_deleted_by_hand AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_changed_by_hand('candles');

DROP TRIGGER mark_inserted_ticks ON market.ticks;
DROP TRIGGER mark_updated_ticks ON market.ticks;
DROP TRIGGER mark_deleted_tick ON market.ticks;
CREATE TRIGGER mark_inserted_ticks AFTER INSERT ON market.ticks
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_inserted_ticks('candles');
CREATE TRIGGER mark_updated_ticks AFTER UPDATE ON market.ticks
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_updated_ticks('candles');
CREATE TRIGGER mark_deleted_tick AFTER DELETE ON market.ticks
    FOR EACH ROW EXECUTE FUNCTION market.mark_deleted_tick('candles');

-- What nothing calls any more, or now takes a data set.
DROP FUNCTION IF EXISTS market.mark_inserted_candles();
DROP FUNCTION IF EXISTS market.mark_updated_candles();
DROP FUNCTION IF EXISTS market.mark_deleted_candle();
DROP FUNCTION IF EXISTS market.mark_candle_hours();
DROP FUNCTION IF EXISTS market.version_candle_hours();
DROP FUNCTION IF EXISTS market.forget_judged(integer[], timestamptz[], timestamptz[]);
-- After a downgrade no code may have made it again.
DROP FUNCTION IF EXISTS market.fingerprint_candles(integer, timestamptz, timestamptz, boolean, interval, text[], interval[]);

-- The fold of candles stands in the list of roll-ups.
DROP PROCEDURE IF EXISTS market.create_derived(text, text, interval);
DROP PROCEDURE IF EXISTS market.create_derived_days(text);
DROP FUNCTION IF EXISTS market.derived_columns(text);
DROP FUNCTION IF EXISTS market.oldest_candle_between(timestamptz, timestamptz, boolean);
