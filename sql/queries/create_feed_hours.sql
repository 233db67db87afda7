-- The minutes in which a feed lived: any of its instruments has a candle.
CREATE TEMPORARY TABLE feed_hours ON COMMIT DROP AS
SELECT n.feed, h.hour, bit_or((h.complete | h.partial)::bigint)::bit(60) AS alive
FROM market.candle_hours AS h
JOIN market.instruments AS n USING (instrument_id)
WHERE h.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND h.hour < :'ends'::timestamptz
GROUP BY n.feed, h.hour;
