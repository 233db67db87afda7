-- For the rest of the transaction. Where constants have excluded chunks while planning, TimescaleDB need not try again at each probe.
SELECT set_config('timescaledb.enable_runtime_exclusion', :'setting', true);
