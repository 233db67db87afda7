-- Deletes an instrument's rows of market.candles, for good.
DELETE FROM market.candles WHERE instrument_id = :'instrument_id'::integer;
