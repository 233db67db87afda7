-- Leaves marks for the wrong buckets of a stretch: when they have been put right, what is computed from them is older.
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT :'dataset', 'refresh', hour, array_agg(DISTINCT instrument_id)
FROM market.verify_derived(:'aggregate', :'starts'::timestamptz, :'ends'::timestamptz, NULL)
WHERE outcome NOT IN ('same', 'dropped', 'waiting')
GROUP BY hour;
