-- Lets the next keeper of the policies in.
SELECT pg_advisory_unlock(hashtext('market.policies'));
