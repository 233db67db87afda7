-- One rebuild at a time, for the length of a session.
SELECT pg_try_advisory_lock(hashtext('market.rebuilds'));
