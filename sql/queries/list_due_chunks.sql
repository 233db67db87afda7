-- The chunks that lie wholly before their tables' horizons, given as arrays: why nobody expects their rows to go, whether the
-- operator released them by name, and how many rows each holds, if that is asked: to count them takes long.
SELECT
    wanted.table_name, due.starts, due.ends, due.history, due.imports, counted.rows,
    coalesce(due.released_rows >= coalesce(counted.rows, 0), false) AS is_released
FROM unnest(:'tables'::text[], :'horizons'::timestamptz[]) AS wanted (table_name, horizon)
CROSS JOIN LATERAL market.due_chunks(wanted.table_name, wanted.horizon) AS due
CROSS JOIN LATERAL (SELECT CASE WHEN :'count_rows'::boolean THEN market.chunk_rows(due.chunk) END AS rows) AS counted
ORDER BY wanted.table_name, due.starts;
