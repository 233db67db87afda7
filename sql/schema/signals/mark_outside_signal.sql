CREATE OR REPLACE FUNCTION market.mark_outside_signal() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.outside_signals (id) VALUES (NEW.id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_outside_signal IS 'Notes a signal from outside for the signal processor.';
