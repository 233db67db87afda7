-- Lets the writers of candles go on.
SELECT pg_advisory_unlock(hashtext('market.candles'));
