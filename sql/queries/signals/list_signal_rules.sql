-- The rules that are kept up; those that have judged all of history are filled from no moment on.
SELECT strategy, strategy_version AS version, timeframe, digest, nullif(filled_from, '-infinity') AS filled_from
FROM market.signal_rules ORDER BY strategy, strategy_version;
