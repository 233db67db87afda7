-- Chandlery's own writers say so for the length of their transaction.
CREATE OR REPLACE FUNCTION market.candles_written_by_us() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('chandlery.writing', true) IS NOT DISTINCT FROM 'on'
$$;
