-- Of an expiry the underlying, and how many contracts it has: while there are any, it stays. As in psql -v instrument_id=1.
SELECT n.instrument_key, count(*) AS contracts
FROM market.option_expiries AS e
JOIN market.option_contracts AS c USING (underlying_id, expires_at)
JOIN market.instruments AS n ON n.instrument_id = e.underlying_id
WHERE e.instrument_id = :'instrument_id'::integer
GROUP BY n.instrument_key;
