-- Instruments by key from the one after :after on, at most :most: of one feed or all (''), one calendar or all (''), with keys
-- that begin with :prefix.
SELECT
    n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, c.time_zone, n.listed_at, n.delisted_at, n.data_from,
    n.name, n.asset_type, n.exchange, n.sector, n.industry, n.uuid
FROM market.instruments AS n
JOIN market.calendars AS c USING (calendar)
WHERE n.instrument_key > :'after' AND :'feed' IN ('', n.feed) AND :'calendar' IN ('', n.calendar)
    AND starts_with(n.instrument_key, :'prefix')
ORDER BY n.instrument_key
LIMIT :'most'::bigint;
