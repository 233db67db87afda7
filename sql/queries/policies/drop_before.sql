-- Drops the oldest chunk wholly before a moment that is released and that nothing needs; says which, and what it waits for.
SELECT :'table_name' AS table_name, dropped_from AS starts, dropped_to AS ends, dropped_rows AS rows, waits
FROM market.drop_before(:'table_name', :'horizon'::timestamptz, :'age'::interval);
