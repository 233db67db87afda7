-- Whether a tick or candle of an instrument has a price below zero.
SELECT
    EXISTS (SELECT FROM market.ticks WHERE instrument_id = :'instrument_id'::integer AND price < 0)
    OR EXISTS (SELECT FROM market.candles WHERE instrument_id = :'instrument_id'::integer AND low < 0) AS found;
