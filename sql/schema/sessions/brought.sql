-- Imports of options are remembered under their underlying; those of trades under their contracts.
CREATE OR REPLACE VIEW market.brought AS
SELECT table_name COLLATE "C" AS dataset, instrument_id, starts, ends FROM market.imports
UNION ALL
SELECT p.dataset, p.instrument_id, i.starts, i.ends
FROM market.imports AS i
JOIN market.parts AS p ON p.whole_id = i.instrument_id
WHERE i.table_name IN ('option_quotes', 'open_interest') AND p.dataset = 'strike_candles'
UNION ALL
SELECT 'strike_candles', e.instrument_id, i.starts, i.ends
FROM market.imports AS i
JOIN market.option_contracts AS c USING (instrument_id)
JOIN market.option_expiries AS e ON e.underlying_id = c.underlying_id AND e.expires_at = c.expires_at;
COMMENT ON VIEW market.brought IS 'The stretches that imports brought of a data set''s rows, or of what these are made of.';
