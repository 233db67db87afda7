-- Holds the materialised buckets of a stretch against their minutes: how many are right, how many are not and why, which buckets
-- those are, and the first few in words.
SELECT
    count(*) FILTER (WHERE outcome = 'same') AS same,
    count(*) FILTER (WHERE outcome = 'twice') AS twice,
    count(*) FILTER (WHERE outcome = 'different') AS different,
    count(*) FILTER (WHERE outcome = 'only_derived') AS only_derived,
    count(*) FILTER (WHERE outcome = 'only_minutes') AS only_minutes,
    count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
    coalesce(array_agg(DISTINCT bucket) FILTER (WHERE outcome NOT IN ('same', 'dropped', 'waiting')), '{}') AS buckets,
    coalesce((array_agg(
        format('%s of %s: ', to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), coalesce(instrument_key, instrument_id::text))
        || CASE outcome
            WHEN 'twice' THEN 'stands twice, ' || was
            WHEN 'only_derived' THEN 'has no minutes, is ' || was
            WHEN 'only_minutes' THEN 'is missing, should be ' || becomes
            ELSE 'is ' || was || ', should be ' || becomes
        END
        ORDER BY bucket, instrument_key
    ) FILTER (WHERE outcome NOT IN ('same', 'dropped', 'waiting')))[1:10], '{}') AS examples
FROM market.verify_derived(:'aggregate', :'starts'::timestamptz, :'ends'::timestamptz, :'instrument_ids'::integer[])
LEFT JOIN market.instruments USING (instrument_id);
