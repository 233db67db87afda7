-- The instruments by their keys; option contracts, of which there may be very many, have ways of their own to be named.
SELECT n.instrument_key, n.instrument_id
FROM market.instruments AS n
LEFT JOIN market.option_contracts AS c USING (instrument_id)
WHERE c.instrument_id IS NULL;
