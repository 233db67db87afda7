-- Ticks, and the marks that each write to them leaves behind.

CREATE TABLE market.ticks (
    time timestamptz NOT NULL,
    instrument_id integer NOT NULL,
    seq bigint NOT NULL,
    -- NaN and Infinity sort above every number, so one bound refuses both.
    price numeric NOT NULL CHECK (price >= 0 AND price < 'Infinity'),
    size numeric NOT NULL CHECK (size >= 0 AND size < 'Infinity'),
    updates_ohlc boolean NOT NULL DEFAULT true,
    updates_volume boolean NOT NULL DEFAULT true,
    cancelled boolean NOT NULL DEFAULT false,
    venue text,
    conditions text,
    -- instrument_id is checked once per statement by the INSERT trigger: a foreign key would check every row.
    PRIMARY KEY (instrument_id, time, seq)
);
SELECT create_hypertable('market.ticks', by_range('time', INTERVAL '6 hours'), create_default_indexes => false);
-- A live minute is one stretch of time over all instruments: BRIN finds it without a second B-tree to keep.
-- Pages not summarised yet are read every time: autosummarize keeps those to the last minute or so of a busy table.
CREATE INDEX ticks_time_idx ON market.ticks USING brin (time) WITH (pages_per_range = 64, autosummarize = on);
COMMENT ON TABLE market.ticks IS 'One row per trade. Order inside a minute is (time, seq); the same (instrument_id, time, seq) is the same trade.';

-- One row per statement and bucket, however many instruments it touched: a feed that writes each second leaves sixty rows
-- a minute, not sixty per instrument.
CREATE TABLE market.dirty (
    bucket timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL,
    ticks integer[] NOT NULL,
    CHECK (cardinality(instrument_ids) = cardinality(ticks))
);
CREATE INDEX dirty_bucket_idx ON market.dirty (bucket);
-- Rows live for a minute or so: vacuum by count, since a share of a near-empty table means never or always.
ALTER TABLE market.dirty SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.dirty IS 'Insert-only marks: these one-minute buckets of these instruments have ticks that changed. A run takes marks and writes their candles in one transaction.';
COMMENT ON COLUMN market.dirty.ticks IS 'Ticks inserted, for each of instrument_ids; 0 for updates and deletions.';

-- The functions run with their owner's rights, so that a writer of ticks needs no right on the marks.
CREATE FUNCTION market.mark_inserted_ticks() RETURNS trigger
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

CREATE FUNCTION market.mark_updated_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
    RETURN NULL;
END
$$;

CREATE FUNCTION market.mark_deleted_tick() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.dirty (bucket, instrument_ids, ticks)
    VALUES (date_bin('1 minute', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id], ARRAY[0]);
    RETURN NULL;
END
$$;

CREATE TRIGGER mark_inserted_ticks AFTER INSERT ON market.ticks
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_inserted_ticks();
CREATE TRIGGER mark_updated_ticks AFTER UPDATE ON market.ticks
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_updated_ticks();
-- By row: TimescaleDB refuses transition tables for DELETE on columnstore tables.
CREATE TRIGGER mark_deleted_tick AFTER DELETE ON market.ticks
    FOR EACH ROW EXECUTE FUNCTION market.mark_deleted_tick();
