-- Of some instruments' session dates, in arrays of equal length, those on which no candle is expected by market.lives.
SELECT day.instrument_key, day.session_date
FROM unnest(:'keys'::text[], :'session_dates'::date[]) AS day (instrument_key, session_date)
JOIN market.instruments AS n USING (instrument_key)
JOIN market.lives AS whole USING (instrument_id)
JOIN market.sessions AS s ON s.calendar = n.calendar AND s.session_date = day.session_date
WHERE whole.dataset = :'dataset' AND NOT whole.life && tstzrange(s.opens_at, s.closes_at);
