-- Remembers from where on rules, given as arrays, have judged history.
UPDATE market.signal_rules AS k SET filled_from = :'filled_from'::timestamptz
FROM unnest(:'strategies'::text[], :'versions'::text[]) AS w (strategy, strategy_version)
WHERE k.strategy = w.strategy AND k.strategy_version = w.strategy_version;
