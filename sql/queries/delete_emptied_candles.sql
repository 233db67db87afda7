-- A bucket whose ticks were all cancelled loses its candle. A vendor's candle never stood on our ticks, and stays; so
-- does one whose ticks have no chunk any more: retention dropped those, nobody cancelled them.
DELETE FROM market.candles AS stored
USING incoming_candles AS i
JOIN touched_buckets AS b ON b.instrument_id = i.instrument_id AND b.bucket = i.time
WHERE i.open IS NULL
    AND b.removed
    AND stored.instrument_id = i.instrument_id AND stored.time = i.time
    AND stored.time >= :'starts'::timestamptz AND stored.time < :'ends'::timestamptz
    AND stored.source <> 'vendor_historical'
    AND market.tick_chunk_since(stored.time) IS NOT NULL;
