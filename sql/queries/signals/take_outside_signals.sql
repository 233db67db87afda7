-- Takes signals from outside that nobody has looked at, at most :most.
DELETE FROM market.outside_signals WHERE id IN (SELECT id FROM market.outside_signals ORDER BY id LIMIT :'most'::bigint)
RETURNING id;
