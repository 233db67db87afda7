-- A mark for whoever counts presence, and one for whoever refreshes what is derived.
CREATE OR REPLACE FUNCTION market.mark_candle_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.stale (hour, instrument_ids) SELECT hour, instrument_ids FROM marked;
    RETURN NULL;
END
$$;
