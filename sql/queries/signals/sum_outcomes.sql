-- What happened to signals that have ended, by strategy, version and tenth of confidence: how many reached their target, and how far
-- the price went for and against them, as shares of it, by the highs and lows of minutes from where they were known to their end.
-- Of one strategy, or of any (null), of buckets that start in [:starts, :ends); backfilled ones alone, or none of them. Revised ones
-- were none, and what holds has no direction.
WITH ended AS (
    SELECT s.*, sign(s.direction) AS way
    FROM market.signals AS s
    WHERE s.ended_by <> 'revised' AND s.direction <> 0 AND s.backfilled = :'backfilled'::boolean
        AND (:'strategy'::text IS NULL OR s.strategy = :'strategy'::text)
        AND s.time >= :'starts'::timestamptz AND s.time < :'ends'::timestamptz
), followed AS (
    SELECT e.*,
        greatest(CASE WHEN e.way > 0 THEN m.high - e.price ELSE e.price - m.low END, 0) / nullif(e.price, 0) AS favourable,
        greatest(CASE WHEN e.way > 0 THEN e.price - m.low ELSE m.high - e.price END, 0) / nullif(e.price, 0) AS adverse
    FROM ended AS e
    CROSS JOIN LATERAL (
        SELECT max(c.high) AS high, min(c.low) AS low FROM market.candles AS c
        WHERE c.instrument_id = e.instrument_id AND c.time >= e.known_at
            -- The minute that ended it belongs to it.
            AND CASE WHEN e.ended_by IN ('target', 'stop', 'ambiguous') THEN c.time <= e.ended_at ELSE c.time < e.ended_at END
    ) AS m
)
SELECT
    strategy, strategy_version AS version, least(floor(confidence * 10), 9)::integer AS tenth, count(*) AS signals,
    avg(confidence) AS confidence,
    count(*) FILTER (WHERE ended_by = 'target') AS targets, count(*) FILTER (WHERE ended_by = 'stop') AS stops,
    count(*) FILTER (WHERE ended_by = 'ambiguous') AS ambiguous, count(*) FILTER (WHERE ended_by IN ('expired', 'superseded')) AS others,
    avg((ended_by = 'target')::integer::double precision) AS hit_rate,
    avg(favourable)::double precision AS favourable, avg(adverse)::double precision AS adverse
FROM followed
GROUP BY strategy, strategy_version, tenth
ORDER BY strategy, strategy_version, tenth;
