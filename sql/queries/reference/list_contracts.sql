-- The contracts of an underlying, by expiry and strike; only those of one day of expiry where :expiry is given.
SELECT
    n.instrument_key AS key, c.expiry, c.expires_at, c.strike, c.side, c.contract, c.multiplier, c.style, c.model, c.currency
FROM market.option_contracts AS c
JOIN market.instruments AS n USING (instrument_id)
WHERE c.underlying_id = :'underlying_id'::integer AND (:'expiry'::date IS NULL OR c.expiry = :'expiry'::date)
ORDER BY c.expires_at, c.strike, c.contract, c.side;
