-- One writer of candles at a time, for the length of a transaction.
-- Taken before the snapshot that a writer aggregates from: otherwise an older snapshot that commits last would win.
SELECT pg_advisory_xact_lock(hashtext('market.candles'));
