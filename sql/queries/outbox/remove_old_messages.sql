-- Messages that were delivered before a moment go, and those written before it of topics that nobody delivers.
DELETE FROM market.outbox
WHERE sent_at < :'before'::timestamptz
    OR (sent_at IS NULL AND topic = ANY (:'undelivered'::text[]) AND created_at < :'before'::timestamptz);
