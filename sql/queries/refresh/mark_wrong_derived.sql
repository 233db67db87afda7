-- Leaves marks for the wrong buckets of a stretch: when they have been corrected, what is computed from them is older.
-- :works are those of the data set. To be counted as well raises the version of their hours: answers that are kept under the
-- former one were made of them.
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT :'dataset', work, hour, array_agg(DISTINCT instrument_id)
FROM market.verify_derived(:'aggregate', :'starts'::timestamptz, :'ends'::timestamptz, NULL)
CROSS JOIN unnest(:'works'::text[]) AS work
WHERE outcome NOT IN ('same', 'dropped', 'waiting')
GROUP BY work, hour;
