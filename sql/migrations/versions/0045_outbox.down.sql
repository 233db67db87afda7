-- The trigger may not look for what goes.
CREATE OR REPLACE FUNCTION market.mark_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    works CONSTANT text[] := CASE WHEN TG_NARGS > 1 THEN TG_ARGV[1:] ELSE ARRAY['count', 'refresh'] END;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM written GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(works) AS work;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
            GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(works) AS work;
    ELSE
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, date_bin('1 hour', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id]
        FROM unnest(works) AS work;
    END IF;
    RETURN NULL;
END
$$;
DROP VIEW IF EXISTS market.changes;
DROP TABLE market.unpublished_changes;
DROP TABLE market.outbox;
