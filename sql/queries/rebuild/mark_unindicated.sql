-- Marks the hours whose derived candles a swap has changed: stored indicators over them are older now.
INSERT INTO market.marks (dataset, work, hour, instrument_ids)
SELECT :'dataset', 'indicate', hour, array_agg(DISTINCT instrument_id)
FROM market.compare_derived(:'aggregate', :'given', :'taken', :'starts'::timestamptz, :'ends'::timestamptz)
WHERE outcome <> 'same'
GROUP BY hour;
