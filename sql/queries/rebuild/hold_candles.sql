-- Keeps every writer of candles, and retention, waiting, for longer than one transaction: a refresh wants its own.
SELECT pg_advisory_lock(hashtext('market.candles'));
