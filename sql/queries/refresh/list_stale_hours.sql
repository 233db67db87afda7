-- Marks of stale hours from one moment up to another, the newest hours first, at most N.
SELECT mark_id, hour FROM market.marks
WHERE dataset = :'dataset' AND work = 'refresh' AND hour >= :'since'::timestamptz AND hour <= :'at'::timestamptz
ORDER BY hour DESC, mark_id
LIMIT :'most'::bigint;
