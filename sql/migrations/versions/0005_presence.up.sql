-- What feeds do second by second, and which minutes of each instrument have a candle: what gaps are found from.

ALTER TABLE market.instruments
    ADD COLUMN listed_at timestamptz,
    ADD COLUMN delisted_at timestamptz,
    ADD COLUMN data_from timestamptz,
    ADD CHECK (listed_at < delisted_at);
COMMENT ON COLUMN market.instruments.listed_at IS 'Candles are expected from here on; from data_from where null.';
COMMENT ON COLUMN market.instruments.delisted_at IS 'Candles are expected up to here; for ever where null.';
COMMENT ON COLUMN market.instruments.data_from IS 'The earliest minute that ever had a candle. Never moves on: a first candle that is lost is missed.';

CREATE TABLE market.feeds (
    feed text PRIMARY KEY CHECK (feed <> ''),
    silence_seconds integer NOT NULL DEFAULT 20 CHECK (silence_seconds BETWEEN 1 AND 60)
);
COMMENT ON TABLE market.feeds IS 'Feeds with a limit of their own; any other feed has the default.';
COMMENT ON COLUMN market.feeds.silence_seconds IS 'A minute with this many whole seconds on end without a tick of the feed is one in which the feed fell silent; 60: never.';

CREATE TABLE market.feed_minutes (
    feed text NOT NULL,
    bucket timestamptz NOT NULL,
    seconds bit(60) NOT NULL,
    PRIMARY KEY (feed, bucket)
);
COMMENT ON TABLE market.feed_minutes IS 'What feeds do: in which seconds of a minute a feed is known to have had a tick, the first second leftmost.';

CREATE FUNCTION market.silence_limit(name text) RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT silence_seconds FROM market.feeds WHERE feed = name), 20)
$$;
COMMENT ON FUNCTION market.silence_limit IS 'Seconds on end without a tick after which a feed has fallen silent.';

CREATE FUNCTION market.longest_silence(seconds bit) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT max(length(silence))::integer FROM string_to_table(seconds::text, '1') AS silence
$$;
COMMENT ON FUNCTION market.longest_silence IS 'The most whole seconds on end without a tick.';

CREATE FUNCTION market.is_expected(calendar_name text, minute timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM market.sessions AS s
        WHERE s.calendar = calendar_name AND s.opens_at <= minute AND s.closes_at > minute
            AND (minute < s.break_starts_at OR minute >= s.break_ends_at) IS NOT FALSE
    )
$$;
COMMENT ON FUNCTION market.is_expected IS 'Whether a minute starts in open hours; the minute of the closing auction does not.';

-- One row per instrument and hour: sixty candles read as one. A week of ten thousand instruments is 1.7 million rows
-- instead of a hundred million candles.
CREATE TABLE market.candle_hours (
    instrument_id integer NOT NULL,
    hour timestamptz NOT NULL CHECK (hour = date_bin('1 hour', hour, '2000-01-01 00:00Z')),
    complete bit(60) NOT NULL,
    partial bit(60) NOT NULL,
    trades bigint,
    -- A scan reads all of it by instrument, from the index alone: a third faster.
    PRIMARY KEY (instrument_id, hour) INCLUDE (complete, partial, trades)
);
SELECT create_hypertable('market.candle_hours', by_range('hour', INTERVAL '7 days'), create_default_indexes => false);
COMMENT ON TABLE market.candle_hours IS 'Which minutes of an hour have a candle: made anew from market.candles for each hour that market.uncounted names.';
COMMENT ON COLUMN market.candle_hours.complete IS 'Minutes with a candle that is not partial, the first minute leftmost.';
COMMENT ON COLUMN market.candle_hours.partial IS 'Minutes with a partial candle.';
COMMENT ON COLUMN market.candle_hours.trades IS 'Trades of the hour; null where a candle does not say.';

CREATE TABLE market.uncounted (
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
CREATE INDEX uncounted_hour_idx ON market.uncounted (hour);
ALTER TABLE market.uncounted SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.uncounted IS 'Insert-only marks: these hours of these instruments have candles that changed since they were counted.';

COMMENT ON COLUMN market.dirty.ticks IS 'Ticks inserted, for each of instrument_ids; 0 for updates and deletions of ticks; -1 where no tick but the candle was changed, by another hand than Chandlery''s.';

-- In PL/pgSQL, so that the catalogue's view is planned only where somebody asks.
CREATE FUNCTION market.tick_chunk_since(moment timestamptz) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT chunk_creation_time FROM timescaledb_information.chunks
        WHERE hypertable_schema = 'market' AND hypertable_name = 'ticks' AND range_start <= moment AND range_end > moment
    );
END
$$;
COMMENT ON FUNCTION market.tick_chunk_since IS 'Since when the ticks of a moment have a chunk; null where they have none: retention drops them by the chunk.';

-- Chandlery's own writers say so for the length of their transaction.
CREATE FUNCTION market.candles_written_by_us() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('chandlery.writing', true) IS NOT DISTINCT FROM 'on'
$$;

CREATE FUNCTION market.mark_inserted_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id) FROM written GROUP BY 1;
    RETURN NULL;
END
$$;

CREATE FUNCTION market.mark_updated_candles() RETURNS trigger
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

CREATE FUNCTION market.mark_deleted_candle() RETURNS trigger
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

CREATE TRIGGER mark_inserted_candles AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_inserted_candles();
CREATE TRIGGER mark_updated_candles AFTER UPDATE ON market.candles
    REFERENCING OLD TABLE AS removed NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.mark_updated_candles();
-- By row: TimescaleDB refuses transition tables for DELETE on columnstore tables.
CREATE TRIGGER mark_deleted_candle AFTER DELETE ON market.candles
    FOR EACH ROW EXECUTE FUNCTION market.mark_deleted_candle();

-- What is stored already is counted by the next gap monitor.
INSERT INTO market.uncounted (hour, instrument_ids)
SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id) FROM market.candles GROUP BY 1;
