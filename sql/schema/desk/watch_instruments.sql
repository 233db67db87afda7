-- With its owner's rights: users have none on what others watch.
CREATE OR REPLACE FUNCTION market.watch_instruments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.watched_instruments AS known (instrument_id, since) VALUES (NEW.instrument_id, NEW.armed_at)
    ON CONFLICT (instrument_id) DO UPDATE SET since = EXCLUDED.since WHERE known.since > EXCLUDED.since;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.watch_instruments IS 'From the commit of an alert on, changes of its instrument''s candles leave marks.';
