-- Those of strategies and versions, given as arrays, under which signals came from outside.
SELECT strategy, strategy_version
FROM unnest(:'strategies'::text[], :'versions'::text[]) AS r (strategy, strategy_version)
WHERE EXISTS (
    SELECT FROM market.signals AS s
    WHERE s.strategy = r.strategy AND s.strategy_version = r.strategy_version AND NOT s.from_rule
);
