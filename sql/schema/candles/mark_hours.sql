-- With its owner's rights, as all that mark: a writer of rows needs no right on the marks.
CREATE OR REPLACE FUNCTION market.mark_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    works CONSTANT text[] := CASE WHEN TG_NARGS > 1 THEN TG_ARGV[1:] ELSE ARRAY['count', 'refresh'] END;
    -- Where changes are published, each is noted; what heals says so.
    is_published CONSTANT boolean := coalesce(current_setting('chandlery.changes', true) = 'on', false);
    healed CONSTANT text := nullif(current_setting('chandlery.change', true), '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM written GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(works) AS work;
        IF is_published THEN
            INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
            SELECT
                TG_ARGV[0], coalesce(healed, 'new'), '{}', min(time), max(time) + INTERVAL '1 microsecond',
                array_agg(DISTINCT instrument_id)
            FROM written HAVING count(*) > 0;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, hour, ids
        FROM (
            SELECT date_bin('1 hour', time, '2000-01-01 00:00Z') AS hour, array_agg(DISTINCT instrument_id) AS ids
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
            GROUP BY 1
        ) AS touched
        CROSS JOIN unnest(works) AS work;
        IF is_published THEN
            INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
            SELECT
                TG_ARGV[0], coalesce(healed, 'revised'), '{}', min(time), max(time) + INTERVAL '1 microsecond',
                array_agg(DISTINCT instrument_id)
            FROM (SELECT instrument_id, time FROM removed UNION ALL SELECT instrument_id, time FROM written) AS ends
            HAVING count(*) > 0;
        END IF;
    ELSE
        INSERT INTO market.marks (dataset, work, hour, instrument_ids)
        SELECT TG_ARGV[0], work, date_bin('1 hour', OLD.time, '2000-01-01 00:00Z'), ARRAY[OLD.instrument_id]
        FROM unnest(works) AS work;
        IF is_published THEN
            INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends, instrument_ids)
            VALUES (
                TG_ARGV[0], 'deleted', '{}', OLD.time, OLD.time + INTERVAL '1 microsecond', ARRAY[OLD.instrument_id]
            );
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.mark_hours IS 'Of a data set, named by its first argument: the hours whose rows change must be counted, and what is derived of them refreshed; where more arguments are given, only the work that they name. Where changes are published, they are noted. For INSERT and UPDATE by statement, with transition tables written and removed; for DELETE by row.';
