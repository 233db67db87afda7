-- Deletes instruments with their gaps, tickers and contracts, and the states of their indicators; their data must be gone before.
DELETE FROM market.instruments WHERE instrument_id = ANY (:'instrument_ids'::integer[]);
