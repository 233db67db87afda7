CREATE OR REPLACE FUNCTION market.materialized_up_to(aggregate text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- An aggregate that was never refreshed has a watermark before all time.
    RETURN (
        SELECT CASE WHEN moment > '0001-01-01 00:00Z' THEN moment END
        FROM (
            SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(h.id)) AS moment
            FROM _timescaledb_catalog.hypertable AS h
            WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = market.policy_relation(aggregate)
        ) AS watermark
    );
END
$$;
COMMENT ON FUNCTION market.materialized_up_to IS 'The end of the newest bucket an aggregate was refreshed for; null where it never was.';
