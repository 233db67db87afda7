CREATE OR REPLACE FUNCTION market.release_refresh(aggregate text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate));
    PERFORM pg_advisory_unlock_shared(hashtext('market.horizons'));
    RESET enable_bitmapscan;
    IF current_setting('timescaledb.enable_chunkwise_aggregation', true) IS NOT NULL THEN
        RESET timescaledb.enable_chunkwise_aggregation;
    END IF;
END
$$;
COMMENT ON FUNCTION market.release_refresh IS 'Lets the next refresh of an aggregate in, and retention continue.';
