CREATE OR REPLACE FUNCTION market.mark_option_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stranger integer;
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        VALUES (TG_ARGV[0], date_bin('1 minute', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id], ARRAY[0]);
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(0)
        FROM (
            SELECT DISTINCT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
        ) AS touched
        GROUP BY bucket;
    ELSE
        INSERT INTO market.dirty (dataset, bucket, instrument_ids, ticks)
        SELECT TG_ARGV[0], bucket, array_agg(instrument_id), array_agg(rows)
        FROM (
            SELECT date_bin('1 minute', time, '2000-01-01 00:00Z') AS bucket, instrument_id, count(*) AS rows
            FROM written GROUP BY 1, 2
        ) AS touched
        GROUP BY bucket;
    END IF;
    SELECT min(w.instrument_id) INTO stranger
    FROM (SELECT DISTINCT instrument_id FROM written) AS w
    -- By probes: a few of many contracts change at a time.
    WHERE (SELECT c.instrument_id FROM market.option_contracts AS c WHERE c.instrument_id = w.instrument_id) IS NULL;
    IF stranger IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('instrument_id %s is not in market.option_contracts', stranger),
            HINT = 'add the contract first: chandlery contracts import FILE --underlying KEY';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_option_rows IS 'Of the data set made of options, named by its argument: the minutes whose quotes or open interest change must be made again. Refuses rows of anything but contracts.';
