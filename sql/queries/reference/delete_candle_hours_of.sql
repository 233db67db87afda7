-- Deletes an instrument's rows of market.candle_hours, for good.
DELETE FROM market.candle_hours WHERE instrument_id = :'instrument_id'::integer;
