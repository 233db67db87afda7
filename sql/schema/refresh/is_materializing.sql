CREATE OR REPLACE FUNCTION market.is_materializing(aggregate text, starts timestamptz, ends timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found boolean := false;
BEGIN
    -- Of versions that cut these ranges before they materialize them, asked as they do; later ones refuse a second refresh.
    IF to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') IS NOT NULL THEN
        EXECUTE $query$
            SELECT EXISTS (
                SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_ranges AS r
                JOIN _timescaledb_catalog.continuous_agg AS a ON a.mat_hypertable_id = r.materialization_id
                WHERE a.user_view_schema = 'market' AND a.user_view_name = $1
                    AND r.greatest_modified_value >= r.lowest_modified_value
                    AND int8range(r.lowest_modified_value, r.greatest_modified_value) && int8range(
                        _timescaledb_functions.to_unix_microseconds($2), _timescaledb_functions.to_unix_microseconds($3)
                    )
            )
        $query$ INTO found USING aggregate, starts, ends;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.is_materializing IS 'Whether something of a window is known to be stale and not materialized yet: by somebody who refreshes without our lock.';
