-- Hands a vendor's candles of one instrument, which come as arrays of equal length, on as incoming_candles.
-- A vendor that counts no trades says 0 or nothing: both mean that the number is not known.
INSERT INTO incoming_candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial, source, version
)
SELECT
    :'instrument_id'::integer, c.time, c.open, c.high, c.low, c.close, c.volume, c.turnover, nullif(c.trades, 0),
    true, false, 'vendor_historical', 0
FROM unnest(
    :'times'::timestamptz[], :'opens'::numeric[], :'highs'::numeric[], :'lows'::numeric[], :'closes'::numeric[],
    :'volumes'::numeric[], :'turnovers'::numeric[], :'trades'::bigint[]
) AS c (time, open, high, low, close, volume, turnover, trades);
