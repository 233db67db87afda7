-- Stored indicators, and what of them is to be computed.

CREATE TABLE market.indicators (
    instrument_id integer NOT NULL,
    timeframe text COLLATE "C" NOT NULL CHECK (timeframe IN ('1m', '5m', '15m', '30m', '1h', '4h', '1d', '1w', '1mo')),
    name text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL CHECK (jsonb_typeof(parameters) = 'object'),
    time timestamptz NOT NULL,
    value double precision NOT NULL CHECK (value <> 'NaN'),
    value_2 double precision CHECK (value_2 <> 'NaN'),
    value_3 double precision CHECK (value_3 <> 'NaN'),
    made_from timestamptz NOT NULL,
    made_by text NOT NULL,
    made_at timestamptz NOT NULL,
    -- A series of one indicator is one range of it.
    PRIMARY KEY (instrument_id, timeframe, name, parameters, time)
);
-- Four derived chunks to one of minutes: fifteen minutes and more are a fifteenth of the rows, times the set.
SELECT create_hypertable('market.indicators', by_range('time', INTERVAL '28 days'), create_default_indexes => false);
ALTER TABLE market.indicators SET (
    timescaledb.enable_columnstore = true,
    timescaledb.segmentby = 'instrument_id, timeframe, name, parameters',
    timescaledb.orderby = 'time'
);
COMMENT ON TABLE market.indicators IS 'Indicators over closed buckets of candles. Where there is no value yet there is no row.';
COMMENT ON COLUMN market.indicators.name IS 'TA-Lib''s name of the function, in lower case.';
COMMENT ON COLUMN market.indicators.parameters IS 'All of TA-Lib''s parameters, its defaults included.';
COMMENT ON COLUMN market.indicators.time IS 'Start of the bucket whose candle is the last one in it, UTC.';
COMMENT ON COLUMN market.indicators.value IS 'TA-Lib''s first output; of macd: macd; of bbands: the upper band; of stoch: slowk.';
COMMENT ON COLUMN market.indicators.value_2 IS 'The second output; of macd: the signal; of bbands: the middle band; of stoch: slowd. Null where there is one.';
COMMENT ON COLUMN market.indicators.value_3 IS 'The third output; of macd: the histogram; of bbands: the lower band. Null where there are two.';
COMMENT ON COLUMN market.indicators.made_from IS 'Start of the first candle it was computed from: where its warm-up began; of a cumulative one its anchor.';
COMMENT ON COLUMN market.indicators.made_by IS 'Library and version.';
COMMENT ON COLUMN market.indicators.made_at IS 'Scheduled time of the run that wrote it.';

-- A mark for a bucket that was open when the hour''s mark was taken: the hour may see no other candle that would mark it.
ALTER TABLE market.unindicated ADD COLUMN timeframe text, ADD COLUMN due_at timestamptz;
COMMENT ON COLUMN market.unindicated.timeframe IS 'The one timeframe to compute; null: all.';
COMMENT ON COLUMN market.unindicated.due_at IS 'When its bucket will have closed; null: at once.';

CREATE TABLE market.unindicated_hours (
    instrument_id integer NOT NULL,
    hour timestamptz NOT NULL,
    timeframe text NOT NULL DEFAULT '',
    PRIMARY KEY (instrument_id, hour, timeframe)
);
ALTER TABLE market.unindicated_hours SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
COMMENT ON TABLE market.unindicated_hours IS 'The due marks of market.unindicated, one row for each instrument, so that some instruments can be done at a time.';
COMMENT ON COLUMN market.unindicated_hours.timeframe IS 'The one timeframe to compute; empty: all.';
