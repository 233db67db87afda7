-- The minutes in which a feed lived: any of its instruments has a candle, or ticks that wait to become one.
CREATE TEMPORARY TABLE feed_hours ON COMMIT DROP AS
SELECT n.feed, known.hour, bit_or(known.alive)::bit(60) AS alive
FROM (
    SELECT instrument_id, hour, (complete | partial)::bigint AS alive
    FROM market.candle_hours
    WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
    UNION ALL
    SELECT instrument_id, hour, minutes::bigint FROM waiting_hours
) AS known
JOIN market.instruments AS n USING (instrument_id)
GROUP BY n.feed, known.hour;
