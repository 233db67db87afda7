CREATE OR REPLACE FUNCTION market.mark_updated_ticks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A correction may move a tick to another minute or instrument: both ends changed.
    INSERT INTO market.dirty (bucket, instrument_ids, ticks)
    SELECT bucket, array_agg(instrument_id), array_agg(0)
    FROM (
        SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id
        FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
        GROUP BY 1, 2
    ) AS touched
    GROUP BY bucket;
    RETURN NULL;
END
$$;
