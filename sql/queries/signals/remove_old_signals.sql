-- Removes signals that have ended, of buckets before a moment, the oldest first, at most :most.
DELETE FROM market.signals
WHERE id IN (
    SELECT id FROM market.signals
    WHERE time < :'before'::timestamptz AND ended_at IS NOT NULL
    ORDER BY time, id LIMIT :'most'::bigint
);
