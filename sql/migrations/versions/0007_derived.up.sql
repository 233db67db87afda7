-- Higher timeframes: continuous aggregates, each built on the one below, and the marks of what changed.

CREATE FUNCTION market.source_bit(source market.candle_source) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE source
    WHEN 'vendor_historical' THEN 1
    WHEN 'historical_aggregated' THEN 2
    WHEN 'live_gap_filled' THEN 4
    WHEN 'live_aggregated' THEN 8
END;
COMMENT ON FUNCTION market.source_bit IS 'A source as one bit, so that the sources of many candles are the OR of theirs.';

-- Without a subquery, so that it becomes a part of each query: a tenth of the time.
CREATE FUNCTION market.source_names(sources integer) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ltrim(
    CASE WHEN sources & 1 > 0 THEN ' vendor_historical' ELSE '' END
    || CASE WHEN sources & 2 > 0 THEN ' historical_aggregated' ELSE '' END
    || CASE WHEN sources & 4 > 0 THEN ' live_gap_filled' ELSE '' END
    || CASE WHEN sources & 8 > 0 THEN ' live_aggregated' ELSE '' END
);
COMMENT ON FUNCTION market.source_names IS 'The sources a derived candle was made of, the lowest rank first.';

CREATE FUNCTION market.derived_columns(below text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    -- Candles that are not price-eligible set prices only where no other candle does: as with ticks in a minute. All four
    -- prices together, so that high stays the highest of them.
    SELECT $columns$
        coalesce(first(open, time) FILTER (WHERE price_eligible), first(open, time)) AS open,
        coalesce(max(high) FILTER (WHERE price_eligible), max(high)) AS high,
        coalesce(min(low) FILTER (WHERE price_eligible), min(low)) AS low,
        coalesce(last(close, time) FILTER (WHERE price_eligible), last(close, time)) AS close,
        sum(volume) AS volume,
        CASE WHEN count(turnover) = count(*) THEN sum(turnover) END AS turnover,
        CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
        bool_or(price_eligible) AS price_eligible,
    $columns$ || CASE below
        WHEN 'candles' THEN $minutes$
            count(*) FILTER (WHERE NOT partial) AS minutes,
            count(*) FILTER (WHERE partial) AS partial_minutes,
            bit_or(market.source_bit(source)) AS sources
        $minutes$
        ELSE $minutes$
            sum(minutes)::bigint AS minutes,
            sum(partial_minutes)::bigint AS partial_minutes,
            bit_or(sources) AS sources
        $minutes$
    END
$$;
COMMENT ON FUNCTION market.derived_columns IS 'The one fold of candles into candles, as the SELECT list of an aggregate over market.candles or over one that is built on it.';

CREATE PROCEDURE market.create_derived(name text, below text, width interval) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE MATERIALIZED VIEW market.%I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS'
        ' SELECT instrument_id, time_bucket(%L::interval, time) AS time, %s FROM market.%I'
        ' GROUP BY instrument_id, time_bucket(%2$L::interval, time) WITH NO DATA',
        name, width, market.derived_columns(below), below
    );
END
$$;
COMMENT ON PROCEDURE market.create_derived IS 'A continuous aggregate of UTC buckets over market.candles or over the aggregate below it; without data.';

CREATE PROCEDURE market.create_derived_days(name text) LANGUAGE plpgsql AS $$
BEGIN
    -- By session and UTC day, since an aggregate needs a bucket of time: a session over midnight UTC has two parts.
    EXECUTE format(
        'CREATE MATERIALIZED VIEW market.%I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS'
        ' SELECT instrument_id, session_date, time_bucket(''1 day'', time) AS day, min(time) AS time, %s FROM market.candles'
        ' WHERE NOT extended GROUP BY instrument_id, session_date, time_bucket(''1 day'', time) WITH NO DATA',
        name, market.derived_columns('candles')
    );
END
$$;
COMMENT ON PROCEDURE market.create_derived_days IS 'The continuous aggregate of regular sessions, cut at midnight UTC, that candles_1d, 1w and 1mo are folded from; without data.';

CALL market.create_derived('candles_5m', 'candles', '5 minutes');
CALL market.create_derived('candles_15m', 'candles_5m', '15 minutes');
CALL market.create_derived('candles_30m', 'candles_15m', '30 minutes');
CALL market.create_derived('candles_1h', 'candles_30m', '1 hour');
CALL market.create_derived('candles_4h', 'candles_1h', '4 hours');
CALL market.create_derived_days('candles_1d_parts');

DO $$
DECLARE
    kind record;
BEGIN
    FOR kind IN
        SELECT * FROM (VALUES
            ('candles_1d', 'session_date::timestamp'),
            ('candles_1w', 'date_trunc(''week'', session_date::timestamp)'),
            ('candles_1mo', 'date_trunc(''month'', session_date::timestamp)')
        ) AS kinds (name, starts)
    LOOP
        EXECUTE format(
            'CREATE VIEW market.%I AS SELECT instrument_id, %s AT TIME ZONE ''UTC'' AS time, %s FROM market.candles_1d_parts'
            ' GROUP BY instrument_id, %2$s AT TIME ZONE ''UTC''',
            kind.name, kind.starts, market.derived_columns('candles_1d_parts')
        );
    END LOOP;
END
$$;
COMMENT ON VIEW market.candles_1d IS 'Regular sessions, the minute of the closing auction included; time is the session date at 00:00 UTC.';
COMMENT ON VIEW market.candles_1w IS 'Weeks of session dates; time is their Monday at 00:00 UTC.';
COMMENT ON VIEW market.candles_1mo IS 'Months of session dates; time is their first day at 00:00 UTC.';

CREATE TABLE market.stale (
    stale_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
ALTER TABLE market.stale SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
-- The newest hours are refreshed first: a backlog of imported history lets what was healed today pass.
CREATE INDEX stale_hour_idx ON market.stale (hour);
COMMENT ON TABLE market.stale IS 'Insert-only marks: minutes of these hours and instruments changed, so the derived buckets over them are stale. Whoever has refreshed them takes the mark.';

CREATE TABLE market.open_hours (
    open_hour_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour timestamptz NOT NULL
);
ALTER TABLE market.open_hours SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
COMMENT ON TABLE market.open_hours IS 'Insert-only: the marks of these hours were taken while a bucket over them was open, and computed when read. Refreshed once more when all have closed: otherwise a refresh of later buckets, which ends the computing, would hide them.';

CREATE TABLE market.unindicated (
    hour timestamptz NOT NULL,
    instrument_ids integer[] NOT NULL
);
CREATE INDEX unindicated_hour_idx ON market.unindicated (hour);
ALTER TABLE market.unindicated SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.unindicated IS 'Insert-only marks: the derived candles over these hours of these instruments are fresh, but their stored indicators are older.';

-- A mark for whoever counts presence, and one for whoever refreshes what is derived.
CREATE FUNCTION market.mark_candle_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.stale (hour, instrument_ids) SELECT hour, instrument_ids FROM marked;
    RETURN NULL;
END
$$;
CREATE TRIGGER mark_candle_hours AFTER INSERT ON market.uncounted
    REFERENCING NEW TABLE AS marked FOR EACH STATEMENT EXECUTE FUNCTION market.mark_candle_hours();

-- What is stored already is refreshed by the next run.
INSERT INTO market.stale (hour, instrument_ids)
SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id) FROM market.candles GROUP BY 1;
