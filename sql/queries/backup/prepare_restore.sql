-- Puts TimescaleDB into its state for restores: the database is unfinished until finish_restore.
SELECT timescaledb_pre_restore();
