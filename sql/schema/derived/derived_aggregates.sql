CREATE OR REPLACE FUNCTION market.derived_aggregates() RETURNS TABLE (aggregate text, below text, width interval, level integer)
LANGUAGE sql IMMUTABLE AS $$
    VALUES
        ('candles_5m', 'candles', INTERVAL '5 minutes', 1), ('candles_15m', 'candles_5m', '15 minutes', 2),
        ('candles_30m', 'candles_15m', '30 minutes', 3), ('candles_1h', 'candles_30m', '1 hour', 4),
        ('candles_4h', 'candles_1h', '4 hours', 5), ('candles_1d_parts', 'candles', '1 day', 1)
$$;
COMMENT ON FUNCTION market.derived_aggregates IS 'The continuous aggregates: what each is built on, how long its buckets are, and how many lie below.';
