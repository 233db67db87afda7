-- One-minute candles of an instrument, in order.
SELECT
    time, open, high, low, close, volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(turnover, volume) AS vwap,
    trades, source::text AS source, version, revision, price_eligible, partial, session_date, extended
FROM market.candles
WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
ORDER BY time;
