-- Deletes an instrument with its gaps and tickers; its data is to be gone before.
DELETE FROM market.instruments WHERE instrument_id = :'instrument_id'::integer;
