-- Ticks that arrived after their bucket had been aggregated: those of touched buckets where a candle made of ticks stands.
SELECT coalesce(sum(b.ticks), 0)::bigint AS late
FROM touched_buckets AS b
JOIN market.candles AS c
    ON c.instrument_id = b.instrument_id AND c.time = b.bucket
    AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
WHERE c.source <> 'vendor_historical';
