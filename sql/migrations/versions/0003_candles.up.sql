-- One-minute candles: the only truth; every higher timeframe is derived from them.

CREATE TYPE market.candle_source AS ENUM (
    'vendor_historical', 'historical_aggregated', 'live_gap_filled', 'live_aggregated'
);

CREATE TABLE market.candles (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL CHECK (time = date_bin('1 minute', time, '2000-01-01 00:00Z')),
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL CHECK (low >= 0),
    close numeric NOT NULL,
    volume numeric NOT NULL CHECK (volume >= 0 AND volume < 'Infinity'),
    turnover numeric CHECK (turnover >= 0 AND turnover < 'Infinity'),
    trades bigint CHECK (trades > 0),
    price_eligible boolean NOT NULL DEFAULT true,
    partial boolean NOT NULL DEFAULT false,
    session_date date NOT NULL,
    extended boolean NOT NULL,
    source market.candle_source NOT NULL,
    version bigint NOT NULL,
    revision integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (instrument_id, time),
    CHECK (low <= least(open, close) AND high >= greatest(open, close) AND high < 'Infinity')
);
SELECT create_hypertable('market.candles', by_range('time', INTERVAL '7 days'), create_default_indexes => false);
CREATE INDEX candles_time_idx ON market.candles USING brin (time) WITH (pages_per_range = 16, autosummarize = on);
COMMENT ON TABLE market.candles IS 'One-minute candles, labelled by the start of their bucket, UTC. No ticks, no candle. vwap = turnover / volume.';
COMMENT ON COLUMN market.candles.turnover IS 'Sum of price * size; null where the source does not say.';
COMMENT ON COLUMN market.candles.price_eligible IS 'False: no tick of the bucket may set prices, so all of them did.';
COMMENT ON COLUMN market.candles.partial IS 'The feed fell silent during the bucket.';
COMMENT ON COLUMN market.candles.version IS 'Rank of the source: candle time in epoch ms (live_aggregated), the same less one (live_gap_filled), 1 (historical_aggregated), 0 (vendor_historical).';
COMMENT ON COLUMN market.candles.revision IS 'How often the content changed since it was first written.';
