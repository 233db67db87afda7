-- Chunks wholly before a moment that are still rows, or have got rows again since they became columns; the oldest first.
SELECT format('%I.%I', c.chunk_schema, c.chunk_name) AS chunk
FROM timescaledb_information.chunks AS c
WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = market.policy_relation(:'table_name')
    AND c.range_end <= :'before'::timestamptz
    -- No view shows such rows. In a chunk's status, 2 means columns out of order, 8 means rows next to them.
    AND (
        NOT c.is_compressed
        OR _timescaledb_functions.chunk_status(format('%I.%I', c.chunk_schema, c.chunk_name)::regclass) & 10 > 0
    )
ORDER BY c.range_start;
