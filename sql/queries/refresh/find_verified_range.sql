-- From where to where there is anything to verify, by the edges of chunks; null where nothing is stored.
SELECT min(c.range_start) AS starts, max(c.range_end) AS ends
FROM timescaledb_information.chunks AS c
JOIN market.kept_tables AS k ON k.relation = format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass
WHERE k.table_name = ANY (:'tables'::text[]);
