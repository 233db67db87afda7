-- Retention waits while this is held: what was read of the horizon stays true. For the session: a refresh is in no transaction.
SELECT pg_advisory_lock_shared(hashtext('market.horizons'));
