CREATE OR REPLACE FUNCTION market.list_copies(
    table_name text, time_column text, keys text[], starts timestamptz, ends timestamptz
)
RETURNS TABLE (instrument_id integer, at timestamptz, copies bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT instrument_id, %1$I, count(*) FROM %2$s WHERE %1$I >= $1 AND %1$I < $2 GROUP BY %3$s HAVING count(*) > 1',
        time_column, market.policy_relation(table_name), array_to_string(keys, ', ')
    ) USING starts, ends;
END
$$;
COMMENT ON FUNCTION market.list_copies IS 'Keys that exist more than once in a stretch of a table, whatever its index says.';
