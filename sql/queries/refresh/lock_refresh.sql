-- Keeps every refresh of an aggregate waiting, until the transaction ends.
SELECT pg_advisory_xact_lock(hashtext('market.refresh'), hashtext(:'aggregate'));
