-- What is read of TimescaleDB's catalogue, here and in the schema's functions, that no public view shows, and does not exist.
SELECT format('%s.%s', read.relation, read.name) AS missing
FROM (
    SELECT t.relation, unnest(t.names) AS name
    FROM (VALUES
        ('_timescaledb_catalog.hypertable', ARRAY['id', 'schema_name', 'table_name']),
        ('_timescaledb_catalog.continuous_agg', ARRAY[
            'mat_hypertable_id', 'parent_mat_hypertable_id', 'user_view_schema', 'user_view_name', 'partial_view_schema',
            'partial_view_name'
        ]),
        ('_timescaledb_catalog.continuous_aggs_watermark', ARRAY['mat_hypertable_id', 'watermark']),
        ('_timescaledb_config.bgw_job', ARRAY['id', 'owner', 'hypertable_id', 'proc_schema', 'proc_name'])
    ) AS t (relation, names)
) AS read
LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(read.relation) AND a.attname = read.name AND NOT a.attisdropped
WHERE a.attnum IS NULL
UNION ALL
SELECT read.signature
FROM unnest(ARRAY[
    '_timescaledb_functions.chunk_status(regclass)', '_timescaledb_functions.cagg_watermark(integer)',
    '_timescaledb_functions.to_timestamp(bigint)',
    '_timescaledb_functions.to_unix_microseconds(timestamp with time zone)', '_timescaledb_functions.restart_background_workers()'
]) AS read (signature)
WHERE to_regprocedure(read.signature) IS NULL
ORDER BY 1;
