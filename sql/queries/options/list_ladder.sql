-- The strikes that are listed of an underlying and some expiries, each once, in order.
SELECT DISTINCT strike
FROM market.option_contracts
WHERE underlying_id = :'underlying_id'::integer AND expires_at = ANY (:'expires_at'::timestamptz[])
ORDER BY strike;
