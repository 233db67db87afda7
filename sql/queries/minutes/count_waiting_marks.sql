-- Minutes that are due by :ends and not aggregated, over all time, and the oldest of them: of each data set that is made of them.
SELECT count(*) AS waiting, min(bucket) AS oldest
FROM (
    SELECT DISTINCT dataset, bucket, unnest(instrument_ids) FROM market.dirty WHERE bucket < :'ends'::timestamptz
) AS due;
