CREATE OR REPLACE FUNCTION market.list_compression() RETURNS TABLE (
    table_name text, chunks bigint, columnar_chunks bigint, before_bytes bigint, after_bytes bigint, ratio numeric
) LANGUAGE sql STABLE AS $$
    SELECT
        k.table_name, s.total_chunks, s.number_compressed_chunks, s.before_compression_total_bytes,
        s.after_compression_total_bytes,
        round(s.before_compression_total_bytes::numeric / nullif(s.after_compression_total_bytes, 0), 1)
    FROM market.kept_tables AS k
    CROSS JOIN LATERAL hypertable_columnstore_stats(k.relation) AS s
$$;
COMMENT ON FUNCTION market.list_compression IS 'See market.compression_stats.';
