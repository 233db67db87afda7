-- One writer of the ledger at a time, for the length of a transaction.
SELECT pg_advisory_xact_lock(hashtext('market.gaps'));
