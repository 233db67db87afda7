-- The chunks that lie wholly before their tables' horizons, given as arrays: why nobody expects their rows to go, whether the
-- operator released them by name, and how many rows each holds, if that is asked: counting takes long. Without a count a release
-- is taken to cover all rows; retention counts them before it drops any.
SELECT
    wanted.table_name, due.starts, due.ends, due.history, due.imports, counted.rows,
    due.released_rows IS NOT NULL AND (counted.rows IS NULL OR counted.rows <= due.released_rows) AS is_released
FROM unnest(:'tables'::text[], :'horizons'::timestamptz[]) AS wanted (table_name, horizon)
CROSS JOIN LATERAL market.due_chunks(wanted.table_name, wanted.horizon) AS due
CROSS JOIN LATERAL (SELECT CASE WHEN :'count_rows'::boolean THEN market.chunk_rows(due.chunk) END AS rows) AS counted
ORDER BY wanted.table_name, due.starts;
