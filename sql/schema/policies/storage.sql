-- By way of a function, as market.kept_tables.
CREATE OR REPLACE VIEW market.storage AS
SELECT table_name COLLATE "C" AS table_name, bytes, chunks, columnar_chunks, starts, ends, bytes_per_day
FROM market.list_storage();
COMMENT ON VIEW market.storage IS 'What is stored, columns and indexes included; bytes_per_day is the growth: bytes by the days its chunks cover.';
