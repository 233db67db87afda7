-- Adds an instrument, or changes calendar and feed of the one there is; its identity never changes.
INSERT INTO market.instruments AS known (instrument_key, calendar, feed)
VALUES (:'instrument_key', :'calendar', :'feed')
ON CONFLICT (instrument_key) DO UPDATE SET calendar = excluded.calendar, feed = excluded.feed
WHERE (known.calendar, known.feed) IS DISTINCT FROM (excluded.calendar, excluded.feed);
