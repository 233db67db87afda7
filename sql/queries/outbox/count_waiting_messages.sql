-- How many messages wait, by topic, and since when.
SELECT topic, count(*) AS messages, count(refused_at) AS refused, min(created_at) AS oldest_at
FROM market.outbox
WHERE sent_at IS NULL
GROUP BY topic
ORDER BY topic;
