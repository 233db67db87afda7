CREATE OR REPLACE FUNCTION market.mark_updated_candles() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.uncounted (hour, instrument_ids)
    SELECT date_bin('1 hour', time, '2000-01-01 00:00Z'), array_agg(DISTINCT instrument_id)
    FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
    GROUP BY 1;
    IF NOT market.candles_written_by_us() THEN
        -- Changed behind our back: to be made anew from its ticks.
        INSERT INTO market.dirty (bucket, instrument_ids, ticks)
        SELECT time, array_agg(instrument_id), array_agg(-1)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS ends
        GROUP BY time;
    END IF;
    RETURN NULL;
END
$$;
