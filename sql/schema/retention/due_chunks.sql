CREATE OR REPLACE FUNCTION market.due_chunks(of_table text, horizon timestamptz) RETURNS TABLE (
    chunk regclass, starts timestamptz, ends timestamptz, history text, imports bigint, released_rows bigint
) LANGUAGE sql STABLE AS $$
    SELECT c.chunk, c.range_start, c.range_end,
        CASE
            WHEN i.imports > 0 THEN 'imported'
            -- Components write up to 21 days back, of a chunk that exists as a rule.
            WHEN c.chunk_creation_time > c.range_end + INTERVAL '21 days' THEN 'written long after its time'
        END,
        i.imports, r.rows
    FROM (
        SELECT format('%I.%I', chunk_schema, chunk_name)::regclass AS chunk, range_start, range_end, chunk_creation_time
        FROM timescaledb_information.chunks
        WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = market.policy_relation(of_table)
            AND range_end <= horizon
    ) AS c
    CROSS JOIN LATERAL (
        SELECT count(*) AS imports FROM market.imports AS known
        -- What is made of imported ticks is history as those are.
        WHERE (known.table_name = of_table OR (known.table_name = 'ticks' AND of_table IN (SELECT market.made_of('ticks'))))
            AND tstzrange(known.starts, known.ends) && tstzrange(c.range_start, c.range_end)
    ) AS i
    LEFT JOIN market.releases AS r ON r.table_name = of_table AND r.starts = c.range_start AND r.imports = i.imports
$$;
COMMENT ON FUNCTION market.due_chunks IS 'The chunks that lie wholly before a horizon. history: why nobody expects their rows to go, null of rows that came in their time; released_rows: how many of them the operator released by name.';
