-- Candles on their way into market.candles. Every writer fills this table, and upsert_candles decides what is written.
-- A row without trades and without prices says that no tick of its bucket is left.
CREATE TEMPORARY TABLE incoming_candles (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume numeric,
    turnover numeric,
    trades bigint,
    price_eligible boolean,
    partial boolean,
    source market.candle_source NOT NULL,
    version bigint NOT NULL
) ON COMMIT DROP;
