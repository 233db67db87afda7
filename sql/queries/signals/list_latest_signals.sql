-- The latest signal of each instrument, by key, from after :after on, at most :most: of one strategy or timeframe, or of any (null).
-- Of each instrument the index has it first.
SELECT
    s.id, s.time, n.instrument_key, s.timeframe, s.strategy, s.strategy_version, s.direction, s.strength, s.confidence, s.price,
    s.target_price, s.stop_loss, s.generated_at, s.expires_at, s.ended_at, s.ended_by, s.ended_price, s.backfilled, s.rationale
FROM market.instruments AS n
CROSS JOIN LATERAL (
    SELECT * FROM market.signals
    WHERE instrument_id = n.instrument_id AND (:'strategy'::text IS NULL OR strategy = :'strategy'::text)
        AND (:'timeframe'::text IS NULL OR timeframe = :'timeframe'::text)
    ORDER BY time DESC, id DESC LIMIT 1
) AS s
WHERE n.instrument_key COLLATE "C" > :'after'
ORDER BY n.instrument_key COLLATE "C"
LIMIT :'most'::bigint;
