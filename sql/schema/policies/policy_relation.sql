CREATE OR REPLACE FUNCTION market.policy_relation(table_name text) RETURNS regclass LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (
            SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            FROM timescaledb_information.continuous_aggregates
            WHERE view_schema = 'market' AND view_name = policy_relation.table_name
        ),
        format('market.%I', table_name)
    );
END
$$;
COMMENT ON FUNCTION market.policy_relation IS 'The hypertable that holds a table''s rows: its own, or the one an aggregate is materialised in.';
