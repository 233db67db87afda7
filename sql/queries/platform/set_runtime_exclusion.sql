-- For the rest of the transaction: whether TimescaleDB excludes chunks once more at each probe.
SELECT set_config('timescaledb.enable_runtime_exclusion', :'setting', true);
