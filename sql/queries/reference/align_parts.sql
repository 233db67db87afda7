-- Gives the parts of an instrument its calendar and its feed: gaps are found by these.
UPDATE market.instruments AS part SET calendar = whole.calendar, feed = whole.feed
FROM market.parts AS p
JOIN market.instruments AS whole ON whole.instrument_id = p.whole_id
WHERE whole.instrument_key = :'instrument_key' AND part.instrument_id = p.instrument_id
    AND (part.calendar, part.feed) IS DISTINCT FROM (whole.calendar, whole.feed);
