-- Asked where it is needed alone: a plan that may read all candles opens all of their chunks.
CREATE OR REPLACE FUNCTION market.last_close(of_instrument integer, before timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT c.close FROM market.candles AS c
        WHERE c.instrument_id = of_instrument AND c.time < before AND NOT c.partial
        ORDER BY c.time DESC LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION market.last_close IS 'The close of an instrument''s last complete candle before a moment, however long ago.';
