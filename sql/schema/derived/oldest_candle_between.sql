CREATE OR REPLACE FUNCTION market.oldest_candle_between(starts timestamptz, ends timestamptz, regular boolean) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    found timestamptz;
    earlier timestamptz := ends;
BEGIN
    -- One row at a time, through BRIN: no index has time first, and min() would read the whole stretch.
    LOOP
        SELECT time INTO earlier FROM market.candles
        WHERE time >= starts AND time < earlier AND NOT (regular AND extended)
        LIMIT 1;
        EXIT WHEN earlier IS NULL;
        found := earlier;
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.oldest_candle_between IS 'The first candle that starts inside [starts, ends), of any instrument; of regular sessions only if so asked.';
