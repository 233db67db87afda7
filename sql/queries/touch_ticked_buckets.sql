-- Names every bucket of a window that has ticks, to be held against its candle: whatever differs is written, nothing else.
INSERT INTO touched_buckets (instrument_id, bucket, ticks, removed, tampered)
SELECT DISTINCT instrument_id, date_bin('1 minute', time, '2000-01-01 00:00Z'), 0, false, true
FROM market.ticks
WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz AND NOT cancelled;
