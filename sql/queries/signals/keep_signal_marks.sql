-- Leaves marks for buckets that are still open, given as arrays.
INSERT INTO market.signal_marks (dataset, timeframe, starts, ends, instrument_ids, due_at)
SELECT dataset, timeframe, starts, ends, array_agg(DISTINCT instrument_id), due_at
FROM unnest(
    :'datasets'::text[], :'timeframes'::text[], :'starts'::timestamptz[], :'ends'::timestamptz[], :'instrument_ids'::integer[],
    :'due_at'::timestamptz[]
) AS kept (dataset, timeframe, starts, ends, instrument_id, due_at)
GROUP BY dataset, timeframe, starts, ends, due_at;
