-- Takes TimescaleDB out of its state for restores; refuses where the catalogue restored is of another version.
SELECT timescaledb_post_restore();
