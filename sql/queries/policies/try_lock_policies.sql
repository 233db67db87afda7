-- One keeper of the policies at a time, for the length of a session: what it does takes more than a transaction.
SELECT pg_try_advisory_lock(hashtext('market.policies'));
