-- Deletes an instrument's rows of market.ticks, for good.
DELETE FROM market.ticks WHERE instrument_id = :'instrument_id'::integer;
