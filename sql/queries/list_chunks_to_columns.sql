-- Chunks wholly before a moment that are still rows, or have got rows again since they became columns; the oldest first.
SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS chunk
FROM timescaledb_information.chunks AS c
JOIN _timescaledb_catalog.chunk AS stored ON (stored.schema_name, stored.table_name) = (c.chunk_schema, c.chunk_name)
WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = market.policy_relation(:'table_name')
    -- In status, 2 stands for columns out of order, 8 for rows beside them.
    AND c.range_end <= :'before'::timestamptz AND (NOT c.is_compressed OR stored.status & 10 > 0)
ORDER BY c.range_start;
