CREATE OR REPLACE FUNCTION market.list_storage() RETURNS TABLE (
    table_name text, bytes bigint, chunks bigint, columnar_chunks bigint, starts timestamptz, ends timestamptz,
    bytes_per_day bigint
) LANGUAGE sql STABLE AS $$
    SELECT
        k.table_name, k.bytes, coalesce(c.chunks, 0), coalesce(c.columnar_chunks, 0), c.starts, c.ends,
        (k.bytes / nullif(extract(epoch FROM c.length) / 86400, 0))::bigint
    -- Sizes and chunks are looked up once, not for each table or each column.
    FROM (SELECT table_name, relation, hypertable_size(relation) AS bytes FROM market.kept_tables OFFSET 0) AS k
    LEFT JOIN (
        SELECT
            hypertable_schema, hypertable_name, count(*) AS chunks, count(*) FILTER (WHERE is_compressed) AS columnar_chunks,
            min(range_start) AS starts, max(range_end) AS ends, sum(range_end - range_start) AS length
        FROM timescaledb_information.chunks GROUP BY 1, 2
    ) AS c ON format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = k.relation
$$;
COMMENT ON FUNCTION market.list_storage IS 'See market.storage.';
