-- Has TimescaleDB's scheduler look after this database again.
SELECT _timescaledb_functions.restart_background_workers();
