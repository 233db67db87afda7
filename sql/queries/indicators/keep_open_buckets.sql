-- Leaves marks for buckets of one timeframe that are still open: for instruments, hours and due times at the same places.
INSERT INTO market.marks (dataset, work, hour, instrument_ids, timeframe, due_at)
SELECT :'dataset', 'indicate', hour, array_agg(DISTINCT instrument_id), :'timeframe', due_at
FROM unnest(:'instrument_ids'::integer[], :'hours'::timestamptz[], :'due_at'::timestamptz[]) AS kept (instrument_id, hour, due_at)
GROUP BY hour, due_at;
