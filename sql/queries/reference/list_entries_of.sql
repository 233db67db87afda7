-- The instruments of some keys, each with the time zone of its exchange, by key.
SELECT
    n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, c.time_zone, n.listed_at, n.delisted_at, n.data_from
FROM market.instruments AS n
JOIN market.calendars AS c USING (calendar)
WHERE n.instrument_key = ANY (:'keys'::text[])
ORDER BY n.instrument_key COLLATE "C";
