-- Marks of stale hours from one moment up to another, the newest hours first, at most so many.
SELECT stale_id, hour FROM market.stale
WHERE hour >= :'since'::timestamptz AND hour <= :'at'::timestamptz
ORDER BY hour DESC, stale_id
LIMIT :'most'::bigint;
