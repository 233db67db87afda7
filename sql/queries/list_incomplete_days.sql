-- The UTC days of a window on which an instrument's calendar is open, and not every expected minute has a complete candle.
SELECT date_trunc('day', s.hour) AS day
FROM market.instruments AS n
JOIN market.expected_stretches(:'starts', :'ends') AS s USING (calendar)
LEFT JOIN market.candle_hours AS h
    ON h.instrument_id = n.instrument_id AND h.hour = s.hour
    AND h.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND h.hour < :'ends'::timestamptz
CROSS JOIN LATERAL (
    SELECT market.minute_mask(market.minute_of(s.hour, s.starts), market.minute_of(s.hour, s.ends)) AS expected
) AS e
WHERE n.instrument_id = :'instrument_id'::integer
GROUP BY 1
HAVING sum(bit_count(e.expected & ~coalesce(h.complete, 0::bit(60)))) > 0
ORDER BY 1;
