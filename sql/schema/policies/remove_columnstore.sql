CREATE OR REPLACE PROCEDURE market.remove_columnstore(table_name text) LANGUAGE plpgsql AS $$
DECLARE
    relation regclass := market.policy_relation(table_name);
BEGIN
    PERFORM decompress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
    FROM timescaledb_information.chunks
    WHERE is_compressed AND format('%I.%I', hypertable_schema, hypertable_name)::regclass = relation;
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress = false)',
        CASE WHEN relation = format('market.%I', table_name)::regclass THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END, table_name
    );
END
$$;
COMMENT ON PROCEDURE market.remove_columnstore IS 'Turns every chunk back into rows, and keeps them so.';
