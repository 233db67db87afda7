-- Remembers of the instruments whose hours were counted the earliest minute that ever had a row of the data set.
INSERT INTO market.known_data AS known (dataset, instrument_id, data_from)
SELECT :'dataset', instrument_id, min(h.hour + (position(B'1' IN h.complete | h.partial) - 1) * INTERVAL '1 minute')
FROM taken_hours
JOIN market.candle_hours AS h USING (instrument_id, hour)
WHERE h.dataset = :'dataset' AND bit_count(h.complete | h.partial) > 0
    AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz
GROUP BY instrument_id
ON CONFLICT (dataset, instrument_id) DO UPDATE SET data_from = excluded.data_from WHERE known.data_from > excluded.data_from;
