-- Keys of a data set that exist more than once in a stretch: how many, and the first few in words.
SELECT
    count(*) AS keys,
    coalesce((array_agg(
        format(
            '%s of %s stands %s times', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            coalesce(instrument_key, instrument_id::text), copies
        ) ORDER BY at, instrument_key
    ))[1:10], '{}') AS examples
FROM market.list_copies(
    :'dataset', :'time_column', :'keys'::text[], :'starts'::timestamptz, :'ends'::timestamptz
)
LEFT JOIN market.instruments USING (instrument_id);
