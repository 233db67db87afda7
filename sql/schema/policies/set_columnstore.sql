CREATE OR REPLACE PROCEDURE market.set_columnstore(table_name text, segment_by text, order_by text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
        CASE WHEN market.policy_relation(table_name) = format('market.%I', table_name)::regclass THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END,
        table_name, segment_by, order_by
    );
END
$$;
COMMENT ON PROCEDURE market.set_columnstore IS 'How chunks become columns from now on; those that are columns already stay as they are.';
