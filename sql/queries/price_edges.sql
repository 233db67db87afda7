-- Prices the edges of folded_buckets and hands them on as incoming_candles; a touched bucket without ticks goes along empty.
-- Order is (time, seq): several ticks may share the first or last time of a bucket, so seq decides among just those.
-- Writers of ticks do not wait for us: one that committed since the fold may have put another price at an edge, or taken the
-- edge away. It left a mark, so the next run has the last word; until then a candle includes its own open and close, and one
-- that has lost an edge stays as it was.
INSERT INTO incoming_candles
SELECT
    b.instrument_id, b.bucket, opens.price, greatest(f.high, opens.price, closes.price),
    least(f.low, opens.price, closes.price), closes.price, f.volume, f.turnover, f.trades, f.price_eligible,
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
-- One probe each, whatever the planner expects of them: joined as sets of their own, 10,000 took it 10 s at times.
LEFT JOIN LATERAL (
    SELECT t.price
    FROM market.ticks AS t
    WHERE t.instrument_id = f.instrument_id AND t.time = f.opens_at
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
    ORDER BY t.seq
    LIMIT 1
) AS opens ON true
LEFT JOIN LATERAL (
    SELECT t.price
    FROM market.ticks AS t
    WHERE t.instrument_id = f.instrument_id AND t.time = f.closes_at
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
    ORDER BY t.seq DESC
    LIMIT 1
) AS closes ON true
CROSS JOIN LATERAL (
    SELECT CASE
        -- No tick came, so a candle that is not there was lost: this fills a gap.
        WHEN b.tampered AND b.ticks = 0 AND NOT b.removed AND :'source'::market.candle_source = 'live_aggregated'
        THEN 'live_gap_filled'
        ELSE :'source'::market.candle_source
    END AS source
) AS made
WHERE f.trades IS NULL OR (opens.price IS NOT NULL AND closes.price IS NOT NULL);
