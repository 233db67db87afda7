-- An instrument's candle of one minute, whole.
SELECT
    time, open, high, low, close, volume, turnover,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(turnover, volume) AS vwap,
    trades, source::text AS source, version, revision, created_at, updated_at, price_eligible, partial, session_date, extended
FROM market.candles
WHERE instrument_id = :'instrument_id'::integer AND time = :'minute'::timestamptz;
