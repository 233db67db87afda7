CREATE OR REPLACE VIEW market.imported_feeds AS
SELECT feed FROM market.instruments
GROUP BY feed
HAVING count(live_since) = 0 AND bool_or(history <> '{}');
COMMENT ON VIEW market.imported_feeds IS 'Feeds that never sent anything: all their data were imported, so nothing is expected of them as time passes.';
