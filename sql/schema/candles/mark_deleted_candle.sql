CREATE OR REPLACE FUNCTION market.mark_deleted_candle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    VALUES (date_bin('1 hour', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id]);
    IF NOT market.candles_written_by_us() THEN
        INSERT INTO market.dirty (bucket, instrument_ids, ticks) VALUES (OLD.time, ARRAY[OLD.instrument_id], ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$$;
