-- Writes messages, given as arrays, in their order; one whose key is known is not written again.
INSERT INTO market.outbox (topic, key, group_key, body, created_at)
SELECT topic, key, group_key, body, :'created_at'::timestamptz
FROM unnest(:'topics'::text[], :'keys'::text[], :'group_keys'::text[], :'bodies'::jsonb[])
    WITH ORDINALITY AS m (topic, key, group_key, body, place)
ORDER BY place
ON CONFLICT (topic, key) DO NOTHING;
