CREATE OR REPLACE FUNCTION market.lock_legs() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Before the first row: a writer that waits for another's row, while that one waits for the lock, would wait forever.
    PERFORM pg_advisory_xact_lock(hashtext('market.legs'));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.lock_legs IS 'Writers of flows take turns: of two legs of one transaction that come at once, the later one must see the earlier.';
