-- Deletes an instrument with its gaps, its tickers and where its indicators stood; its data is to be gone before.
DELETE FROM market.instruments WHERE instrument_id = :'instrument_id'::integer;
