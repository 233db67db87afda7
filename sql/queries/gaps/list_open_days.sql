-- The UTC days of a window on which an instrument's calendar is open while it is listed, and whether every expected minute of
-- theirs in the window has a complete candle.
SELECT date_trunc('day', s.hour) AS day, sum(bit_count(e.minutes & ~coalesce(h.complete, 0::bit(60)))) > 0 AS incomplete
FROM market.instruments AS n
JOIN market.expected_stretches(:'dataset', :'starts', :'ends') AS s
    ON s.calendar = n.calendar AND (s.ends > n.listed_at) IS NOT FALSE AND (s.starts < n.delisted_at) IS NOT FALSE
LEFT JOIN market.candle_hours AS h
    ON h.dataset = :'dataset' AND h.instrument_id = n.instrument_id AND h.hour = s.hour
    AND h.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND h.hour < :'ends'::timestamptz
CROSS JOIN LATERAL (
    SELECT market.minute_mask(
        market.minute_of(s.hour, greatest(s.starts, n.listed_at)), market.minute_of(s.hour, least(s.ends, n.delisted_at))
    ) AS minutes
) AS e
WHERE n.instrument_id = :'instrument_id'::integer
GROUP BY 1
ORDER BY 1;
