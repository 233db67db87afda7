CREATE OR REPLACE FUNCTION market.chunk_rows(chunk regclass) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM %s', chunk) INTO found;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.chunk_rows IS 'How many rows a chunk holds, in columns or not.';
