-- How often the candles of each hour have changed: what tells whether an answer made of them is still the same.

-- By sixty-fourths of the instruments: a heal of one of them leaves what was kept of most others as it is, and a minute of ten
-- thousand changes 64 rows: with room beside them their pages are pruned as they are written, and no index entry is added.
CREATE TABLE market.hour_versions (
    share integer,
    hour timestamptz,
    version bigint NOT NULL,
    PRIMARY KEY (share, hour)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE market.hour_versions IS 'How many transactions have changed candles of an hour, of the instruments whose id leaves the rest share when divided by 64. Never deleted from: the sum over a stretch grows with every change, and with nothing else.';

-- In the transaction of the change, as the marks. Who changes an hour waits for whoever changes it already, so that versions
-- are told in the order in which they become visible; all in one order, to wait for nobody in a circle.
CREATE FUNCTION market.version_candle_hours() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO market.hour_versions AS known (share, hour, version)
    SELECT share, hour, 1
    FROM (SELECT DISTINCT id % 64 AS share, hour FROM marked CROSS JOIN unnest(instrument_ids) AS id) AS changed
    ORDER BY hour, share
    ON CONFLICT (share, hour) DO UPDATE SET version = known.version + 1
    -- Once a transaction: deleting an hour's candles marks it once for each.
    WHERE known.xmin <> pg_current_xact_id()::xid;
    RETURN NULL;
END
$$;
CREATE TRIGGER version_candle_hours AFTER INSERT ON market.uncounted
    REFERENCING NEW TABLE AS marked FOR EACH STATEMENT EXECUTE FUNCTION market.version_candle_hours();

INSERT INTO market.hour_versions (share, hour, version)
SELECT DISTINCT instrument_id % 64, date_bin('1 hour', time, '2000-01-01 00:00Z'), 1 FROM market.candles;

ALTER TABLE market.open_hours ADD COLUMN settled timestamptz;
COMMENT ON COLUMN market.open_hours.settled IS 'Buckets that had closed by then were refreshed when the marks were taken; null: not known.';
