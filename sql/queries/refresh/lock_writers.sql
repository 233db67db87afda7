-- Keeps those who write a data set's rows and take its lock waiting, until the transaction ends.
-- The setting shows the triggers of market.candles that the writer is Chandlery.
SELECT set_config('chandlery.writing', 'on', true), pg_advisory_xact_lock(hashtext('market.' || :'dataset'));
