-- Takes the marks of hours in which no cadence that an operator sets expects a row: before any was set, or of a data set of which
-- none is.
DELETE FROM market.marks AS m
WHERE m.dataset = ANY (:'datasets'::text[]) AND m.work = 'beat' AND NOT EXISTS (
    SELECT FROM market.cadences AS k WHERE k.dataset = m.dataset AND (m.hour + INTERVAL '1 hour' > k.since OR k.instrument_id = ANY (m.instrument_ids))
);
