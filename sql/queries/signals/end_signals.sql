-- Ends signals, or moves their ends: of instruments whose minutes changed, in [since, …), given as arrays; those that expire; and
-- :fresh ones, which nobody has looked at yet, with those they supersede. The first of these ends a signal: a minute that reaches
-- its target or its stop, the next signal of its strategy that was not revised, and its expiry.
WITH fresh AS MATERIALIZED (
    SELECT s.strategy, s.strategy_version, s.instrument_id, s.timeframe, s.time FROM market.signals AS s WHERE s.id = ANY (:'fresh'::bigint[])
), candidates AS MATERIALIZED (
    -- Of an open one all minutes before those that changed have been looked at.
    SELECT s.id, CASE WHEN s.ended_at IS NULL THEN greatest(s.known_at, c.since) ELSE s.known_at END AS since
    FROM unnest(:'instrument_ids'::integer[], :'sinces'::timestamptz[]) AS c (instrument_id, since)
    JOIN market.signals AS s USING (instrument_id)
    WHERE s.ended_by IS DISTINCT FROM 'revised' AND s.expires_at > c.since AND (s.ended_at IS NULL OR s.ended_at >= c.since)
    UNION ALL
    SELECT id, known_at FROM market.signals WHERE ended_at IS NULL AND expires_at <= :'settled'::timestamptz
    UNION ALL
    SELECT id, known_at FROM market.signals WHERE id = ANY (:'fresh'::bigint[]) AND ended_by IS DISTINCT FROM 'revised'
    UNION ALL
    SELECT before.id, before.known_at
    FROM fresh AS f
    CROSS JOIN LATERAL (
        SELECT s.id, s.known_at FROM market.signals AS s
        WHERE s.strategy = f.strategy AND s.strategy_version = f.strategy_version AND s.instrument_id = f.instrument_id
            AND s.timeframe = f.timeframe AND s.time < f.time AND s.ended_by IS DISTINCT FROM 'revised'
        ORDER BY s.time DESC LIMIT 1
    ) AS before
), looked_at AS MATERIALIZED (
    SELECT s.*, c.since, next.known_at AS superseded_at,
        CASE WHEN s.direction > 0 THEN s.target_price ELSE s.stop_loss END AS upper,
        CASE WHEN s.direction > 0 THEN s.stop_loss ELSE s.target_price END AS lower
    FROM (SELECT id, min(since) AS since FROM candidates GROUP BY id) AS c
    JOIN market.signals AS s USING (id)
    LEFT JOIN LATERAL (
        SELECT later.known_at FROM market.signals AS later
        WHERE later.strategy = s.strategy AND later.strategy_version = s.strategy_version AND later.instrument_id = s.instrument_id
            AND later.timeframe = s.timeframe AND later.time > s.time AND later.ended_by IS DISTINCT FROM 'revised'
            AND later.known_at <= :'settled'::timestamptz
        ORDER BY later.time LIMIT 1
    ) AS next ON true
), hit AS (
    SELECT s.*, m.time AS hit_at, m.open, m.high, m.low
    FROM looked_at AS s
    LEFT JOIN LATERAL (
        SELECT time, open, high, low FROM market.candles
        WHERE (s.upper IS NOT NULL OR s.lower IS NOT NULL) AND instrument_id = s.instrument_id AND time >= s.since
            AND time < least(s.expires_at, s.superseded_at, :'settled'::timestamptz) AND (high >= s.upper OR low <= s.lower)
        ORDER BY time LIMIT 1
    ) AS m ON true
), decided AS (
    SELECT h.*,
        CASE
            WHEN open >= upper THEN 'upper' WHEN open <= lower THEN 'lower'
            WHEN high >= upper AND low <= lower THEN coalesce(t.side, 'both')
            WHEN high >= upper THEN 'upper' WHEN low <= lower THEN 'lower'
        END AS side
    FROM hit AS h
    LEFT JOIN LATERAL (
        SELECT CASE WHEN price >= h.upper THEN 'upper' ELSE 'lower' END AS side
        FROM market.ticks
        WHERE instrument_id = h.instrument_id AND time >= h.hit_at AND time < h.hit_at + INTERVAL '1 minute'
            AND updates_ohlc AND NOT cancelled AND (price >= h.upper OR price <= h.lower)
        ORDER BY time, seq LIMIT 1
    ) AS t ON high >= upper AND low <= lower
), ends AS (
    SELECT id,
        CASE WHEN side IS NOT NULL THEN hit_at ELSE closing.at END AS ended_at,
        CASE
            WHEN side = 'both' THEN 'ambiguous'
            WHEN side IS NOT NULL THEN CASE WHEN (side = 'upper') = (direction > 0) THEN 'target' ELSE 'stop' END
            WHEN closing.at IS NOT NULL THEN CASE WHEN closing.at = superseded_at THEN 'superseded' ELSE 'expired' END
        END AS ended_by,
        CASE side WHEN 'upper' THEN greatest(upper, open) WHEN 'lower' THEN least(lower, open) END AS ended_price
    FROM decided
    CROSS JOIN LATERAL (
        SELECT least(superseded_at, CASE WHEN expires_at <= :'settled'::timestamptz THEN expires_at END) AS at
    ) AS closing
)
UPDATE market.signals AS s
SET ended_at = e.ended_at, ended_by = e.ended_by, ended_price = e.ended_price, end_revision = s.end_revision + 1
FROM ends AS e
WHERE s.id = e.id AND (s.ended_at, s.ended_by, s.ended_price) IS DISTINCT FROM (e.ended_at, e.ended_by, e.ended_price)
    -- Ticks have decided it while they were kept.
    AND (e.ended_by = 'ambiguous' AND s.ended_by IN ('target', 'stop') AND s.ended_at = e.ended_at) IS NOT TRUE
RETURNING s.id, s.ended_by;
