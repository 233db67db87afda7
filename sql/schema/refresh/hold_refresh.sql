CREATE OR REPLACE FUNCTION market.hold_refresh(aggregate text, patience interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    horizon_held boolean := false;
BEGIN
    PERFORM set_config('lock_timeout', greatest(ceil(extract(epoch FROM patience) * 1000), 1)::text, true);
    -- Retention waits while this is held: what was read of the horizon stays true.
    PERFORM pg_advisory_lock_shared(hashtext('market.horizons'));
    horizon_held := true;
    PERFORM pg_advisory_lock(hashtext('market.refresh'), hashtext(aggregate));
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    IF horizon_held THEN
        PERFORM pg_advisory_unlock_shared(hashtext('market.horizons'));
        PERFORM market.end_forgetful_refresher(aggregate);
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION market.hold_refresh IS 'Whether this session may refresh an aggregate, until market.release_refresh: it waits that long for a session that does.';
