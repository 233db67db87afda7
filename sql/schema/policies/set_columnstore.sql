CREATE OR REPLACE PROCEDURE market.set_columnstore(table_name text, segment_by text, order_by text) LANGUAGE plpgsql AS $$
DECLARE
    is_table boolean := market.policy_relation(table_name) = format('market.%I', table_name)::regclass;
BEGIN
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L%s)',
        CASE WHEN is_table THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END,
        table_name, segment_by, order_by,
        -- No sparse index but those of the order. TimescaleDB 2.29, unlike 2.23, would add a Bloom filter over (time, seq) to ticks,
        -- a quarter of their bytes; a late tick finds its batch by time alone.
        CASE WHEN is_table THEN ', timescaledb.compress_index = ''''' ELSE '' END
    );
END
$$;
COMMENT ON PROCEDURE market.set_columnstore IS 'How chunks become columns from now on; those that are columns already stay as they are.';
