-- One writer of indicators at a time, until its transaction ends: a value continues from the one before it.
SELECT pg_advisory_xact_lock(hashtext('market.indicator_values'));
