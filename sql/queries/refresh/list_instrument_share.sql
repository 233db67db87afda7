-- The instruments whose turn it is, where they take turns in N shares.
SELECT instrument_id FROM market.instruments WHERE instrument_id % :'shares'::integer = :'share'::integer;
