-- What was told after a cursor, of :dataset or of all, in the order in which changes were committed.
SELECT cursor, told_at, dataset, kinds, timeframes, starts, ends, instrument_count, instruments
FROM market.changes
WHERE cursor > :'after'::bigint AND (:'dataset'::text IS NULL OR dataset = :'dataset'::text)
ORDER BY cursor
LIMIT :'most'::bigint;
