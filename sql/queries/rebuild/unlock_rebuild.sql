-- Lets the next rebuild in.
SELECT pg_advisory_unlock(hashtext('market.rebuilds'));
