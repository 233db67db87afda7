CREATE OR REPLACE FUNCTION market.mark_changed_by_hand() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF market.candles_written_by_us() THEN
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], time, array_agg(instrument_id), array_agg(-1)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        GROUP BY time;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        VALUES (TG_ARGV[0], OLD.time, ARRAY[OLD.instrument_id], ARRAY[-1]);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_changed_by_hand IS 'Of a data set made of ticks, named by its argument: minutes that another program changes must be made again of them.';
