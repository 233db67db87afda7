-- How many messages wait, by topic, and since when those that were not refused for good.
SELECT topic, count(*) AS messages, count(refused_at) AS refused, min(created_at) FILTER (WHERE refused_at IS NULL) AS oldest_at
FROM market.outbox
WHERE sent_at IS NULL
GROUP BY topic
ORDER BY topic;
