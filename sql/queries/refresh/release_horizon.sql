-- Lets retention continue.
SELECT pg_advisory_unlock_shared(hashtext('market.horizons'));
