-- How many buckets of a stretch are the same in two aggregates, and how many not; the first few of those.
SELECT
    count(*) FILTER (WHERE outcome = 'same') AS same,
    count(*) FILTER (WHERE outcome = 'different') AS different,
    count(*) FILTER (WHERE outcome = 'only_old') AS only_old,
    count(*) FILTER (WHERE outcome = 'only_new') AS only_new,
    count(*) FILTER (WHERE outcome = 'waiting') AS waiting,
    coalesce((array_agg(
        concat_ws(': ', outcome, 'was ' || was, 'becomes ' || becomes) ORDER BY bucket, instrument_id
    ) FILTER (WHERE outcome NOT IN ('same', 'waiting')))[1:5], '{}') AS examples
FROM market.compare_derived(:'aggregate', :'given', :'taken', :'starts'::timestamptz, :'ends'::timestamptz);
