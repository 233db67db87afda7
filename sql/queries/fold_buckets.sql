-- Folds touched_buckets one by one, each through the primary key of ticks: for single late minutes of few instruments.
-- The same fold as fold_stretch.
CREATE TEMPORARY TABLE folded_buckets ON COMMIT DROP AS
SELECT b.instrument_id, b.bucket, f.*
FROM touched_buckets AS b
CROSS JOIN LATERAL (
    SELECT
        bool_or(t.updates_ohlc) AS price_eligible,
        coalesce(min(t.time) FILTER (WHERE t.updates_ohlc), min(t.time)) AS opens_at,
        coalesce(max(t.time) FILTER (WHERE t.updates_ohlc), max(t.time)) AS closes_at,
        coalesce(max(t.price) FILTER (WHERE t.updates_ohlc), max(t.price)) AS high,
        coalesce(min(t.price) FILTER (WHERE t.updates_ohlc), min(t.price)) AS low,
        coalesce(sum(t.size) FILTER (WHERE t.updates_volume), 0) AS volume,
        coalesce(sum(t.price * t.size) FILTER (WHERE t.updates_volume), 0) AS turnover,
        count(*) AS trades
    FROM market.ticks AS t
    WHERE t.instrument_id = b.instrument_id AND t.time >= b.bucket AND t.time < b.bucket + INTERVAL '1 minute'
        -- Said again as constants, so that chunks are excluded while planning.
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled
) AS f
WHERE f.trades > 0;
