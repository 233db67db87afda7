-- In the transaction of the change, as the marks. A second writer of an hour waits for the first, so that versions
-- are reported in the order in which they become visible; all in one order, so that none deadlock.
CREATE OR REPLACE FUNCTION market.version_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.hour_versions AS known (dataset, share, hour, version)
    SELECT dataset, share, hour, 1
    FROM (
        SELECT DISTINCT dataset, id % 64 AS share, hour
        FROM marked CROSS JOIN unnest(instrument_ids) AS id
        WHERE work = 'count'
    ) AS changed
    ORDER BY dataset, hour, share
    ON CONFLICT (dataset, share, hour) DO UPDATE SET version = known.version + 1
    -- Once a transaction: deleting an hour's rows marks it once for each.
    WHERE known.xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END
$$;
