-- Takes the dirty marks of a window into touched_buckets.
-- The marks go in the same transaction as their candles are written: a run that dies leaves both as they were.
WITH taken AS (
    DELETE FROM market.dirty
    WHERE bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    RETURNING instrument_id, bucket, ticks
)
INSERT INTO touched_buckets (instrument_id, bucket, ticks)
SELECT instrument_id, bucket, sum(ticks) FROM taken GROUP BY instrument_id, bucket;
