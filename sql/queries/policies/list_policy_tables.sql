-- The tables that policies can be for, as they are: chunk interval and columnstore, with the indexes that somebody named.
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
    (
        SELECT coalesce(string_agg(one ->> 'column', ', ' ORDER BY place), '')
        FROM jsonb_array_elements(c.index) WITH ORDINALITY AS indexes (one, place)
        WHERE one ->> 'source' = 'config' AND one ->> 'type' = 'minmax'
    ) AS minmax,
    chunks.columnar AS columnar_chunks
FROM market.kept_tables AS k
LEFT JOIN timescaledb_information.hypertable_columnstore_settings AS c ON c.hypertable = k.relation
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_compressed) AS columnar
    FROM timescaledb_information.chunks
    WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = k.relation
) AS chunks;
