-- One writer of signals at a time, until its transaction ends: an older look never wins.
SELECT pg_advisory_xact_lock(hashtext('market.signals'));
