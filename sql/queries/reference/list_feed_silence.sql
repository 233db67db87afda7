-- Seconds since the last tick of each feed that should be sending at :at, counted from the opening at most: from the ticks'
-- own times. Not listed is a feed none of whose instruments is in session, or that is not live or never sent.
SELECT
    open.feed,
    extract(epoch FROM :'at'::timestamptz - greatest(last.tick, open.since))::double precision AS silent_seconds
FROM (
    SELECT n.feed, min(lower(open)) AS since
    FROM (
        SELECT DISTINCT feed, calendar FROM market.instruments
        WHERE (listed_at > :'at'::timestamptz) IS NOT TRUE AND (delisted_at <= :'at'::timestamptz) IS NOT TRUE
    ) AS n
    JOIN market.sessions AS s
        ON s.calendar = n.calendar AND s.opens_at <= :'at'::timestamptz AND s.closes_at > :'at'::timestamptz
    JOIN LATERAL unnest(s.open_hours) AS open ON open @> :'at'::timestamptz
    GROUP BY n.feed
) AS open
LEFT JOIN LATERAL (
    SELECT m.bucket + (length(rtrim(m.seconds::text, '0')) - 1) * INTERVAL '1 second' AS tick
    FROM market.feed_minutes AS m
    WHERE m.feed = open.feed AND m.bucket < :'at'::timestamptz AND bit_count(m.seconds) > 0
    ORDER BY m.bucket DESC
    LIMIT 1
) AS last ON true
WHERE open.feed NOT IN (SELECT feed FROM market.feeds WHERE NOT live UNION ALL SELECT feed FROM market.imported_feeds)
ORDER BY open.feed;
