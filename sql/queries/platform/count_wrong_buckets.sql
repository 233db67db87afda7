-- How many wrong derived buckets the samples of policy maintenance found in the day up to a moment, on days that have not been
-- verified whole since.
SELECT coalesce(sum((sample.counts ->> 'wrong_buckets')::bigint), 0)
FROM market.runs AS sample
WHERE sample.component = 'policy_maintenance'
    AND sample.scheduled_at > :'at'::timestamptz - INTERVAL '1 day' AND sample.scheduled_at <= :'at'::timestamptz
    AND (sample.counts ->> 'wrong_buckets')::bigint > 0
    AND NOT EXISTS (
        SELECT FROM market.runs AS verified
        WHERE verified.component = 'verify' AND verified.scheduled_at BETWEEN sample.scheduled_at AND :'at'::timestamptz
            -- Without an end all was verified; a sample that does not name its day may be of any.
            AND tstzrange((verified.counts ->> 'starts')::timestamptz, (verified.counts ->> 'ends')::timestamptz) @> tstzrange(
                (sample.counts ->> 'verified_day' || ' 00:00Z')::timestamptz,
                (sample.counts ->> 'verified_day' || ' 00:00Z')::timestamptz + INTERVAL '1 day'
            )
    );
