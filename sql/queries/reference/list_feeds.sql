-- Each feed that an instrument names or that somebody set: instruments, limit, whether it is live, the last second with a tick.
SELECT
    feed,
    coalesce(used.instruments, 0) AS instruments,
    market.silence_limit(feed) AS silence_seconds,
    coalesce(known.live, true) AND feed NOT IN (SELECT feed FROM market.imported_feeds) AS live,
    last.tick AS last_tick_second
FROM (SELECT feed, count(*) AS instruments FROM market.instruments GROUP BY feed) AS used
FULL JOIN market.feeds AS known USING (feed)
LEFT JOIN LATERAL (
    SELECT m.bucket + (length(rtrim(m.seconds::text, '0')) - 1) * INTERVAL '1 second' AS tick
    FROM market.feed_minutes AS m
    WHERE m.feed = coalesce(used.feed, known.feed) AND bit_count(m.seconds) > 0
    ORDER BY m.bucket DESC
    LIMIT 1
) AS last ON true
ORDER BY feed;
