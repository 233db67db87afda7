-- Names the buckets to make candles of: two arrays of equal length, into touched_buckets.
INSERT INTO touched_buckets (instrument_id, bucket, ticks)
SELECT instrument_id, bucket, 0
FROM unnest(:'instrument_ids'::integer[], :'buckets'::timestamptz[]) AS named (instrument_id, bucket);
