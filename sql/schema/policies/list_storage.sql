CREATE OR REPLACE FUNCTION market.list_storage() RETURNS TABLE (
    table_name text, bytes bigint, chunks bigint, columnar_chunks bigint, starts timestamptz, ends timestamptz,
    bytes_per_day bigint
) LANGUAGE sql STABLE AS $$
    SELECT
        k.table_name, hypertable_size(k.relation), c.chunks, c.columnar_chunks, c.starts, c.ends,
        (hypertable_size(k.relation) / nullif(extract(epoch FROM c.length) / 86400, 0))::bigint
    FROM market.kept_tables AS k
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS chunks, count(*) FILTER (WHERE is_compressed) AS columnar_chunks, min(range_start) AS starts,
            max(range_end) AS ends, sum(range_end - range_start) AS length
        FROM timescaledb_information.chunks
        WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = k.relation
    ) AS c
$$;
COMMENT ON FUNCTION market.list_storage IS 'See market.storage.';
