-- A late tick may show that a feed was alive after all, a deleted one that it was not: the other candles of such a minute
-- are no longer, or are now, partial. A candle whose own ticks retention has dropped had more of its feed than is left.
INSERT INTO incoming_candles
SELECT
    c.instrument_id, c.time, c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades, c.price_eligible,
    NOT c.partial, c.source, c.version
FROM graded_feed_minutes AS g
JOIN market.instruments AS n USING (feed)
JOIN market.candles AS c
    ON c.instrument_id = n.instrument_id AND c.time = g.bucket
    AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
WHERE g.silent <> g.was_silent
    AND c.source <> 'vendor_historical'
    AND c.partial <> (g.silent AND market.is_expected(n.calendar, g.bucket))
    AND (
        c.partial OR EXISTS (
            SELECT FROM market.ticks AS t
            WHERE t.instrument_id = c.instrument_id AND t.time >= c.time AND t.time < c.time + INTERVAL '1 minute'
                AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled
        )
    )
    AND NOT EXISTS (SELECT FROM touched_buckets AS b WHERE b.instrument_id = c.instrument_id AND b.bucket = c.time);
