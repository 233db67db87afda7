-- Names buckets whose candles are lost: two arrays of equal length, into touched_buckets.
INSERT INTO touched_buckets (instrument_id, bucket, ticks, removed, tampered)
SELECT instrument_id, bucket, 0, false, true
FROM unnest(:'instrument_ids'::integer[], :'buckets'::timestamptz[]) AS named (instrument_id, bucket);
