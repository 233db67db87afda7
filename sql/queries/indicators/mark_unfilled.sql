-- Marks a stretch of all instruments, by its first and its last hour, for the indicators of a timeframe that are not filled
-- there, and remembers that these are filled from then on: the marks stay until their values are stored.
WITH filled AS (
    UPDATE market.indicator_set SET filled_from = :'filled_from'::timestamptz
    WHERE timeframe = :'timeframe' AND filled_from > :'filled_from'::timestamptz
)
INSERT INTO market.marks (dataset, work, hour, instrument_ids, timeframe)
SELECT :'dataset', 'indicate', edge.hour, array_agg(instrument_id ORDER BY instrument_id), :'timeframe'
FROM market.instruments
CROSS JOIN unnest(ARRAY[:'starts'::timestamptz, :'ends'::timestamptz - INTERVAL '1 hour']) AS edge (hour)
-- Not yet known is not never.
WHERE (data_from < :'ends'::timestamptz) IS NOT FALSE AND :'starts'::timestamptz < :'ends'::timestamptz
GROUP BY edge.hour;
