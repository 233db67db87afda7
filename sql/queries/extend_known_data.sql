-- Remembers the earliest minute that had a candle, of the instruments whose hours were counted.
UPDATE market.instruments AS n
SET data_from = first.minute
FROM (
    SELECT taken.instrument_id, min(h.hour + (position(B'1' IN h.complete | h.partial) - 1) * INTERVAL '1 minute') AS minute
    FROM taken_hours AS taken
    JOIN market.candle_hours AS h USING (instrument_id, hour)
    WHERE bit_count(h.complete | h.partial) > 0
        AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz
    GROUP BY taken.instrument_id
) AS first
WHERE n.instrument_id = first.instrument_id AND (n.data_from <= first.minute) IS NOT TRUE;
