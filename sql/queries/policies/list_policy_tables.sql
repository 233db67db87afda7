-- The tables that policies can be for, as they are: chunk interval and columnstore.
SELECT
    k.table_name,
    k.relation::text AS relation,
    (
        SELECT d.time_interval FROM timescaledb_information.dimensions AS d
        WHERE d.dimension_number = 1 AND format('%I.%I', d.hypertable_schema, d.hypertable_name)::regclass = k.relation
    ) AS chunk_interval,
    -- As a reader writes them: without quotes, a space after each comma.
    coalesce(replace(replace(c.segmentby, '"', ''), ',', ', '), '') AS segment_by,
    coalesce(replace(replace(c.orderby, '"', ''), ',', ', '), '') AS order_by,
    chunks.columnar AS columnar_chunks
FROM market.kept_tables AS k
LEFT JOIN timescaledb_information.hypertable_columnstore_settings AS c ON c.hypertable = k.relation
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_compressed) AS columnar
    FROM timescaledb_information.chunks
    WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = k.relation
) AS chunks;
