-- ALTER EXTENSION timescaledb UPDATE drops TimescaleDB's views and makes them again, and refuses where a view of ours reads one.
-- So views read them by way of functions, whose bodies depend on nothing. The planner puts the bodies in their place.

CREATE FUNCTION market.list_kept_tables() RETURNS TABLE (table_name text, relation regclass) LANGUAGE sql STABLE AS $$
    SELECT h.hypertable_name::text, format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
    FROM timescaledb_information.hypertables AS h
    WHERE h.hypertable_schema = 'market'
    UNION ALL
    SELECT a.view_name::text, format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE a.view_schema = 'market'
$$;
COMMENT ON FUNCTION market.list_kept_tables IS 'See market.kept_tables.';

-- The collation is that of names, as before.
CREATE OR REPLACE VIEW market.kept_tables AS
SELECT table_name COLLATE "C" AS table_name, relation FROM market.list_kept_tables();

CREATE FUNCTION market.list_compression() RETURNS TABLE (
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

CREATE OR REPLACE VIEW market.compression_stats AS
SELECT table_name COLLATE "C" AS table_name, chunks, columnar_chunks, before_bytes, after_bytes, ratio
FROM market.list_compression();

CREATE FUNCTION market.list_storage() RETURNS TABLE (
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

CREATE OR REPLACE VIEW market.storage AS
SELECT table_name COLLATE "C" AS table_name, bytes, chunks, columnar_chunks, starts, ends, bytes_per_day
FROM market.list_storage();
