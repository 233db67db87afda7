CREATE OR REPLACE FUNCTION market.oldest_row_between(aggregate text, starts timestamptz, ends timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    statement text := (
        SELECT format(
            'SELECT time FROM market.%I WHERE time >= $1 AND time < $2%s LIMIT 1', r.dataset, ' AND NOT ' || quote_ident(r.leaves_out)
        ) FROM market.rollups AS r WHERE r.relation = oldest_row_between.aggregate
    );
    found timestamptz;
    earlier timestamptz := ends;
BEGIN
    -- One row at a time, through BRIN: no index has time first, and min() would read the whole stretch.
    LOOP
        EXECUTE statement INTO earlier USING starts, earlier;
        EXIT WHEN earlier IS NULL;
        found := earlier;
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.oldest_row_between IS 'The first row that starts inside [starts, ends), of any instrument, of those that an aggregate is made of.';
