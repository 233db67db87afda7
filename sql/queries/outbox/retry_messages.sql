-- Messages that were refused for good wait again, of :topic or of all, and of :ids where any are named.
UPDATE market.outbox SET refused_at = NULL
WHERE sent_at IS NULL AND refused_at IS NOT NULL
    AND (:'topic'::text IS NULL OR topic = :'topic'::text) AND (:'ids'::bigint[] IS NULL OR id = ANY (:'ids'::bigint[]));
