-- Per feed: open gaps, their minutes, the first one's start.
SELECT n.feed, count(*) AS gaps, sum(g.minutes)::bigint AS minutes, min(g.starts) AS oldest
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.healed_at IS NULL
GROUP BY n.feed
ORDER BY n.feed;
