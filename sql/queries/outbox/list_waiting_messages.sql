-- Messages that wait, of :topic or of all, the oldest first.
SELECT id, topic, key, group_key, body, created_at, refused_at, tries, failed_because
FROM market.outbox
WHERE sent_at IS NULL AND (:'topic'::text IS NULL OR topic = :'topic'::text)
ORDER BY id
LIMIT :'most'::bigint;
