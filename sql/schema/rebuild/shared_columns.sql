CREATE OR REPLACE FUNCTION market.shared_columns(one regclass, other regclass) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_attribute AS a JOIN pg_attribute AS b USING (attname)
    WHERE a.attrelid = one AND b.attrelid = other AND a.attnum > 0 AND b.attnum > 0
        AND NOT a.attisdropped AND NOT b.attisdropped
$$;
COMMENT ON FUNCTION market.shared_columns IS 'The columns that both have: the fold may have got others since.';
