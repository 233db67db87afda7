-- Signals, the newest first, from before (:before_time, :before_id) on, at most :most: of one instrument, strategy or timeframe, or
-- of any (null), of buckets that start in [:starts, :ends); open ones alone where :is_active says so. Each choice has its index.
SELECT
    s.id, s.time, n.instrument_key, s.timeframe, s.strategy, s.strategy_version, s.direction, s.strength, s.confidence, s.price,
    s.target_price, s.stop_loss, s.generated_at, s.expires_at, s.ended_at, s.ended_by, s.ended_price, s.backfilled, s.rationale
FROM market.signals AS s
JOIN market.instruments AS n USING (instrument_id)
WHERE (:'instrument_id'::integer IS NULL OR s.instrument_id = :'instrument_id'::integer)
    AND (:'strategy'::text IS NULL OR s.strategy = :'strategy'::text)
    AND (:'timeframe'::text IS NULL OR s.timeframe = :'timeframe'::text)
    AND (NOT :'is_active'::boolean OR s.ended_at IS NULL)
    AND s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
    AND (s.time, s.id) < (:'before_time'::timestamptz, :'before_id'::bigint)
ORDER BY s.time DESC, s.id DESC
LIMIT :'most'::bigint;
