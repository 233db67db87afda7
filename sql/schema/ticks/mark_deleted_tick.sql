CREATE OR REPLACE FUNCTION market.mark_deleted_tick() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
    VALUES (TG_ARGV[0], date_bin('1 minute', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id], ARRAY[0]);
    RETURN NULL;
END
$$;
