-- Messages of a topic that must be delivered, the oldest first, held until the transaction ends. Those that another holds are
-- passed over, and with them what follows in their group: it may not overtake them. So is what follows one that failed before.
WITH taken AS MATERIALIZED (
    SELECT id, topic, key, group_key, body, created_at, refused_at, tries, failed_because
    FROM market.outbox
    WHERE topic = :'topic' AND sent_at IS NULL AND refused_at IS NULL AND id > :'after'::bigint
    ORDER BY id
    LIMIT :'most'::bigint
    FOR UPDATE SKIP LOCKED
), held AS (
    SELECT group_key, min(id) AS id
    FROM market.outbox
    WHERE topic = :'topic' AND sent_at IS NULL AND refused_at IS NULL
        AND id < (SELECT max(id) FROM taken) AND id NOT IN (SELECT id FROM taken)
    GROUP BY group_key
)
SELECT * FROM taken
WHERE NOT EXISTS (SELECT FROM held WHERE held.group_key = taken.group_key AND held.id < taken.id)
ORDER BY id;
