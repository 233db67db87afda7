-- With its owner's rights: a writer of candles needs none on what alerts are made of.
CREATE OR REPLACE FUNCTION market.mark_alert_minutes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM market.watched_instruments) THEN
        RETURN NULL;
    END IF;
    -- From a day before the first arming on: the close before that may change as well.
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.alert_minutes (minute, instrument_ids)
        SELECT c.time, array_agg(c.instrument_id)
        FROM written AS c
        JOIN market.watched_instruments AS w ON w.instrument_id = c.instrument_id AND c.time >= w.since - INTERVAL '1 day'
        GROUP BY c.time;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.alert_minutes (minute, instrument_ids)
        SELECT c.time, array_agg(c.instrument_id)
        FROM (SELECT instrument_id, time FROM removed UNION SELECT instrument_id, time FROM written) AS c
        JOIN market.watched_instruments AS w ON w.instrument_id = c.instrument_id AND c.time >= w.since - INTERVAL '1 day'
        GROUP BY c.time;
    ELSE
        INSERT INTO market.alert_minutes (minute, instrument_ids)
        SELECT OLD.time, ARRAY[OLD.instrument_id]
        FROM market.watched_instruments AS w
        WHERE w.instrument_id = OLD.instrument_id AND OLD.time >= w.since - INTERVAL '1 day';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_alert_minutes IS 'Marks minutes of candles that change, of instruments with alerts: the alert processor must look at them.';
