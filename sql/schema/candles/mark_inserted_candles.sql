CREATE OR REPLACE FUNCTION market.mark_inserted_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id) FROM written GROUP BY 1;
    RETURN NULL;
END
$$;
