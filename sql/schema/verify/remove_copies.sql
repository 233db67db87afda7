CREATE OR REPLACE FUNCTION market.remove_copies(
    table_name text, time_column text, keys text[], best_first text, starts timestamptz, ends timestamptz
) RETURNS bigint
-- Without bitmap scans, by which a DELETE may miss rows in columns, and however many rows a batch of columns has.
LANGUAGE plpgsql SET enable_bitmapscan = off SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0 AS $$
DECLARE
    relation regclass := market.policy_relation(table_name);
    key text := array_to_string(keys, ', ');
    -- Without an order, any row of a key.
    key_and_order text := concat_ws(', ', key, nullif(best_first, ''));
    ids integer[] := ARRAY(SELECT DISTINCT c.instrument_id FROM market.list_copies(table_name, time_column, keys, starts, ends) AS c);
    removed bigint;
    kept bigint;
BEGIN
    EXECUTE format(
        'CREATE TEMPORARY TABLE kept_copies ON COMMIT DROP AS SELECT DISTINCT ON (%1$s) * FROM %2$s WHERE (%1$s) IN ('
        'SELECT %1$s FROM %2$s WHERE %3$I >= $1 AND %3$I < $2 AND instrument_id = ANY ($3) GROUP BY %1$s HAVING count(*) > 1'
        ') AND %3$I >= $1 AND %3$I < $2 ORDER BY %4$s',
        key, relation, time_column, key_and_order
    ) USING starts, ends, ids;
    EXECUTE format(
        'DELETE FROM %s WHERE %I >= $1 AND %2$I < $2 AND instrument_id = ANY ($3) AND (%3$s) IN (SELECT %3$s FROM kept_copies)',
        relation, time_column, key
    ) USING starts, ends, ids;
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format('INSERT INTO %s SELECT * FROM kept_copies', relation);
    GET DIAGNOSTICS kept = ROW_COUNT;
    DROP TABLE kept_copies;
    RETURN removed - kept;
END
$$;
COMMENT ON FUNCTION market.remove_copies IS 'Leaves one row of each key in a stretch of a table, the best of those there; says how many went. The caller keeps the table''s writers out.';
