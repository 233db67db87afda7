-- Marks of stale hours up to a moment, the newest hours first, at most so many.
SELECT stale_id, hour FROM market.stale
WHERE hour <= :'at'::timestamptz
ORDER BY hour DESC, stale_id
LIMIT :'most'::bigint;
