-- Messages that were not delivered go, and nobody gets them.
DELETE FROM market.outbox WHERE sent_at IS NULL AND id = ANY (:'ids'::bigint[]);
