-- One writer of candles at a time, for the length of a transaction.
-- Taken before the snapshot that a writer aggregates from: otherwise an older snapshot that commits last would win.
-- The setting shows the triggers of market.candles that the writer is Chandlery: what anybody else changes is made again.
SELECT set_config('chandlery.writing', 'on', true), pg_advisory_xact_lock(hashtext('market.candles'));
