-- Minutes that are due by :ends and not aggregated, over all time, and the oldest of them.
SELECT count(*) AS waiting, min(bucket) AS oldest
FROM (
    SELECT DISTINCT bucket, unnest(instrument_ids) FROM market.dirty
    WHERE dataset = :'dataset' AND bucket < :'ends'::timestamptz
) AS due;
