-- How fresh the candles of each feed and calendar are at :at: the newest one of 14 days, and the open time since it in seconds.
-- Of instruments that are expected to have candles then. Left out: a feed that is not live or never sent, and a calendar without
-- a session in those days.
WITH newest AS (
    SELECT n.feed, n.calendar, min(coalesce(n.listed_at, n.data_from)) AS since, max(c.time) AS candle
    FROM market.instruments AS n
    -- One probe of the primary key each. The bound is constant, so that the chunks before it are never opened.
    LEFT JOIN LATERAL (
        SELECT time FROM market.candles
        WHERE instrument_id = n.instrument_id
            AND time >= :'at'::timestamptz - INTERVAL '14 days' AND time < :'at'::timestamptz
        ORDER BY time DESC LIMIT 1
    ) AS c ON true
    WHERE coalesce(n.listed_at, n.data_from) < :'at'::timestamptz AND (n.delisted_at <= :'at'::timestamptz) IS NOT TRUE
        AND n.feed NOT IN (SELECT feed FROM market.feeds WHERE NOT live UNION ALL SELECT feed FROM market.imported_feeds)
    GROUP BY n.feed, n.calendar
), due AS MATERIALIZED (
    -- From when candles are missing, up to when they are due: the end of the open hours before :at.
    SELECT
        newest.*,
        coalesce(newest.candle + INTERVAL '1 minute', greatest(newest.since, :'at'::timestamptz - INTERVAL '14 days')) AS starts,
        open.ends
    FROM newest
    CROSS JOIN LATERAL (
        SELECT upper(s.open_hours * tstzmultirange(tstzrange(NULL, :'at'::timestamptz))) AS ends
        FROM market.sessions AS s
        WHERE s.calendar = newest.calendar AND s.opens_at < :'at'::timestamptz
        ORDER BY s.opens_at DESC LIMIT 1
    ) AS open
    WHERE open.ends > :'at'::timestamptz - INTERVAL '14 days'
)
SELECT
    due.feed,
    due.calendar,
    due.candle AS newest_candle,
    coalesce(extract(epoch FROM sum(greatest(least(open.ends, due.ends) - greatest(open.starts, due.starts), INTERVAL '0'))), 0)
        ::double precision AS behind_seconds
FROM due
LEFT JOIN market.sessions AS s
    ON s.calendar = due.calendar AND s.opens_at < due.ends AND s.closes_at > due.starts
    -- No session is as long as that; so the index is not read from its beginning.
    AND s.opens_at > due.starts - INTERVAL '7 days'
LEFT JOIN LATERAL (SELECT lower(part), upper(part) FROM unnest(s.open_hours) AS part) AS open (starts, ends) ON true
GROUP BY due.feed, due.calendar, due.candle
ORDER BY due.feed, due.calendar;
