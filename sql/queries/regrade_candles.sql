-- A late tick may show that a feed was alive after all, a deleted one that it was not: the other candles of such a minute
-- are no longer, or are now, partial.
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
    AND NOT EXISTS (SELECT FROM touched_buckets AS b WHERE b.instrument_id = c.instrument_id AND b.bucket = c.time);
