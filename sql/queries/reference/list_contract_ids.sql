-- The instruments that are contracts of an underlying.
SELECT instrument_id FROM market.option_contracts WHERE underlying_id = :'underlying_id'::integer;
