-- By way of a function, whose body depends on nothing: ALTER EXTENSION timescaledb UPDATE drops TimescaleDB's views, and
-- refuses where one of Chandlery's views reads one. The collation is that of names.
CREATE OR REPLACE VIEW market.kept_tables AS
SELECT table_name COLLATE "C" AS table_name, relation FROM market.list_kept_tables();
COMMENT ON VIEW market.kept_tables IS 'The tables that policies can be for, each with the hypertable that holds its rows.';
