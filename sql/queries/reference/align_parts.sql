-- Gives the parts of an instrument its calendar and its feed: gaps are found by these. Sources with a cadence have their own.
UPDATE market.instruments AS part SET calendar = whole.calendar, feed = whole.feed
FROM market.parts AS p
JOIN market.instruments AS whole ON whole.instrument_id = p.whole_id
WHERE whole.instrument_key = :'instrument_key' AND part.instrument_id = p.instrument_id
    AND NOT EXISTS (SELECT FROM market.cadences AS k WHERE k.instrument_id = part.instrument_id)
    AND (part.calendar, part.feed) IS DISTINCT FROM (whole.calendar, whole.feed);
