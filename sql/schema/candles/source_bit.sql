CREATE OR REPLACE FUNCTION market.source_bit(source market.candle_source) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE source
    WHEN 'vendor_historical' THEN 1
    WHEN 'historical_aggregated' THEN 2
    WHEN 'live_gap_filled' THEN 4
    WHEN 'live_aggregated' THEN 8
END;
COMMENT ON FUNCTION market.source_bit IS 'A source as one bit, so that the sources of many candles are the OR of theirs.';
