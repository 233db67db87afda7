-- Takes the dirty marks of a window into touched_buckets.
-- The marks go in the same transaction as their candles are written: a run that dies leaves both as they were.
WITH taken AS (
    DELETE FROM market.dirty
    WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    RETURNING bucket, instrument_ids, ticks
)
INSERT INTO touched_buckets (instrument_id, bucket, ticks, removed, tampered)
SELECT marked.instrument_id, taken.bucket, sum(greatest(marked.ticks, 0)), bool_or(marked.ticks = 0), bool_or(marked.ticks < 0)
FROM taken
CROSS JOIN unnest(taken.instrument_ids, taken.ticks) AS marked (instrument_id, ticks)
GROUP BY marked.instrument_id, taken.bucket;
