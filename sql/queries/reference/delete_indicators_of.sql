-- Deletes an instrument's rows of market.indicators, for good.
DELETE FROM market.indicators WHERE instrument_id = :'instrument_id'::integer;
