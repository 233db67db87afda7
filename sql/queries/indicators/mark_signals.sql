-- Leaves marks for rules of signals, where any sees the timeframe: stretches of instruments, given as arrays, whose candles of it,
-- or indicators of them, changed; without a timeframe, the minutes themselves.
INSERT INTO market.signal_marks (dataset, timeframe, starts, ends, instrument_ids)
SELECT :'dataset', :'timeframe'::text, starts, ends, array_agg(instrument_id ORDER BY instrument_id)
FROM unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[]) AS m (instrument_id, starts, ends)
WHERE EXISTS (
    SELECT FROM market.signal_rules AS r WHERE :'timeframe'::text IS NULL OR :'dataset' || ' ' || :'timeframe'::text = ANY (r.sees)
)
GROUP BY starts, ends;
