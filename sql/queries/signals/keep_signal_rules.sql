-- Makes the rules that are kept up those given as arrays: what is new is live from :at on, and fills history before that.
WITH wanted AS (
    SELECT * FROM unnest(:'strategies'::text[], :'versions'::text[], :'timeframes'::text[], :'digests'::text[], :'sees'::jsonb[])
        AS w (strategy, strategy_version, timeframe, digest, sees)
), gone AS (
    DELETE FROM market.signal_rules AS k
    WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.strategy = k.strategy AND w.strategy_version = k.strategy_version)
)
INSERT INTO market.signal_rules (strategy, strategy_version, timeframe, digest, sees, live_from, filled_from)
SELECT strategy, strategy_version, timeframe, digest, ARRAY(SELECT jsonb_array_elements_text(sees)), :'at'::timestamptz, :'at'::timestamptz
FROM wanted
ON CONFLICT DO NOTHING;
