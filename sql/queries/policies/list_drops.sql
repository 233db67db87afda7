-- The newest drops, as far back as is asked.
SELECT table_name, starts, ends, rows, dropped_at FROM market.drops
WHERE reported_in IS NULL OR isfinite(reported_in)
ORDER BY drop_id DESC
LIMIT :'most'::bigint;
