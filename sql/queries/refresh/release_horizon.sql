-- Lets retention go on.
SELECT pg_advisory_unlock_shared(hashtext('market.horizons'));
