-- Prices the edges of folded_buckets and hands them on as incoming_candles; a touched bucket without ticks goes along empty.
-- Order is (time, seq): several ticks may share the first or last time of a bucket, so seq decides among just those.
WITH opens AS (
    SELECT DISTINCT ON (f.instrument_id, f.bucket) f.instrument_id, f.bucket, t.price
    FROM folded_buckets AS f
    JOIN market.ticks AS t ON t.instrument_id = f.instrument_id AND t.time = f.opens_at
    WHERE t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
    ORDER BY f.instrument_id, f.bucket, t.seq
), closes AS (
    SELECT DISTINCT ON (f.instrument_id, f.bucket) f.instrument_id, f.bucket, t.price
    FROM folded_buckets AS f
    JOIN market.ticks AS t ON t.instrument_id = f.instrument_id AND t.time = f.closes_at
    WHERE t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
    ORDER BY f.instrument_id, f.bucket, t.seq DESC
)
INSERT INTO incoming_candles
SELECT
    b.instrument_id, b.bucket, opens.price, f.high, f.low, closes.price, f.volume, f.turnover, f.trades, f.price_eligible,
    CASE WHEN g.silent THEN market.is_expected(n.calendar, b.bucket) ELSE false END,
    made.source,
    CASE made.source
        WHEN 'live_aggregated' THEN extract(epoch FROM b.bucket) * 1000
        WHEN 'live_gap_filled' THEN extract(epoch FROM b.bucket) * 1000 - 1
        WHEN 'historical_aggregated' THEN 1
    END
FROM touched_buckets AS b
JOIN market.instruments AS n ON n.instrument_id = b.instrument_id
LEFT JOIN graded_feed_minutes AS g ON g.feed = n.feed AND g.bucket = b.bucket
LEFT JOIN folded_buckets AS f ON f.instrument_id = b.instrument_id AND f.bucket = b.bucket
LEFT JOIN opens ON opens.instrument_id = b.instrument_id AND opens.bucket = b.bucket
LEFT JOIN closes ON closes.instrument_id = b.instrument_id AND closes.bucket = b.bucket
CROSS JOIN LATERAL (
    SELECT CASE
        -- No tick came, so a candle that is not there was lost: this fills a gap.
        WHEN b.tampered AND b.ticks = 0 AND NOT b.removed AND :'source'::market.candle_source = 'live_aggregated'
        THEN 'live_gap_filled'
        ELSE :'source'::market.candle_source
    END AS source
) AS made;
