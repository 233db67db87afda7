-- For the rest of the transaction. Whether scans of a hypertable rule out chunks by what they learn as they run: ten thousand
-- looks for one row each pay for that each time, and take ten times as long as looking at the newest chunks first.
SELECT set_config('timescaledb.enable_runtime_exclusion', :'setting', true);
