-- Takes the dirty marks of a window into touched_buckets.
-- The marks go in the same transaction as their candles are written: a run that dies leaves both as they were.
WITH taken AS (
    DELETE FROM market.dirty
    WHERE bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    RETURNING bucket, instrument_ids, ticks
)
INSERT INTO touched_buckets (instrument_id, bucket, ticks)
SELECT marked.instrument_id, taken.bucket, sum(marked.ticks)
FROM taken
CROSS JOIN unnest(taken.instrument_ids, taken.ticks) AS marked (instrument_id, ticks)
GROUP BY marked.instrument_id, taken.bucket;
