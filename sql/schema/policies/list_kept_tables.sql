CREATE OR REPLACE FUNCTION market.list_kept_tables() RETURNS TABLE (table_name text, relation regclass) LANGUAGE sql STABLE AS $$
    SELECT h.hypertable_name::text, format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass
    FROM timescaledb_information.hypertables AS h
    WHERE h.hypertable_schema = 'market'
    UNION ALL
    SELECT a.view_name::text, format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE a.view_schema = 'market'
$$;
COMMENT ON FUNCTION market.list_kept_tables IS 'See market.kept_tables.';
