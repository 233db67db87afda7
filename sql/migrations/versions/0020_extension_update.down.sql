CREATE OR REPLACE VIEW market.kept_tables AS
SELECT h.hypertable_name::text AS table_name, format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass AS relation
FROM timescaledb_information.hypertables AS h
WHERE h.hypertable_schema = 'market'
UNION ALL
SELECT a.view_name::text, format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
FROM timescaledb_information.continuous_aggregates AS a
WHERE a.view_schema = 'market';

CREATE OR REPLACE VIEW market.compression_stats AS
SELECT
    k.table_name, s.total_chunks AS chunks, s.number_compressed_chunks AS columnar_chunks,
    s.before_compression_total_bytes AS before_bytes, s.after_compression_total_bytes AS after_bytes,
    round(s.before_compression_total_bytes::numeric / nullif(s.after_compression_total_bytes, 0), 1) AS ratio
FROM market.kept_tables AS k
CROSS JOIN LATERAL hypertable_columnstore_stats(k.relation) AS s;

CREATE OR REPLACE VIEW market.storage AS
SELECT
    k.table_name, hypertable_size(k.relation) AS bytes, c.chunks, c.columnar_chunks, c.starts, c.ends,
    (hypertable_size(k.relation) / nullif(extract(epoch FROM c.length) / 86400, 0))::bigint AS bytes_per_day
FROM market.kept_tables AS k
CROSS JOIN LATERAL (
    SELECT
        count(*) AS chunks, count(*) FILTER (WHERE is_compressed) AS columnar_chunks, min(range_start) AS starts,
        max(range_end) AS ends, sum(range_end - range_start) AS length
    FROM timescaledb_information.chunks
    WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = k.relation
) AS c;

DROP FUNCTION market.list_storage();
DROP FUNCTION market.list_compression();
DROP FUNCTION market.list_kept_tables();
