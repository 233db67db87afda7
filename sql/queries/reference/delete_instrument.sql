-- Deletes instruments with their gaps, tickers and contracts, and where their indicators stood; their data is to be gone before.
DELETE FROM market.instruments WHERE instrument_id = ANY (:'instrument_ids'::integer[]);
