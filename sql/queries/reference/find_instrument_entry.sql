-- The instrument of a key, with the time zone of its exchange.
SELECT
    n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, c.time_zone, n.listed_at, n.delisted_at, n.data_from,
    n.name, n.asset_type, n.exchange, n.sector, n.industry, n.uuid
FROM market.instruments AS n
JOIN market.calendars AS c USING (calendar)
WHERE n.instrument_key = :'instrument_key';
