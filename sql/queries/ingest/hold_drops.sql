-- Retention waits until this transaction has ended, and this statement until a drop is committed: no row is written to a stretch
-- that is dropped at the same time. Writers hold it together.
SELECT pg_advisory_xact_lock_shared(hashtext('market.drops of ' || :'dataset'::text));
