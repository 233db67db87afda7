CREATE OR REPLACE FUNCTION market.release_refresh(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT
        pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate)),
        pg_advisory_unlock_shared(hashtext('market.horizons')),
        (
            SELECT count(set_config(name, reset_val, false)) FROM pg_settings
            WHERE name IN ('enable_bitmapscan', 'timescaledb.enable_chunkwise_aggregation')
        )
$$;
COMMENT ON FUNCTION market.release_refresh IS 'Lets the next refresh of an aggregate in, and retention go on.';
