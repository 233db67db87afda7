-- How many wrong derived buckets the samples of policy maintenance found in the day up to a moment, since all was verified last.
SELECT coalesce(sum((counts ->> 'wrong_buckets')::bigint), 0)
FROM market.runs
WHERE component = 'policy_maintenance' AND scheduled_at <= :'at'::timestamptz AND scheduled_at > greatest(
    :'at'::timestamptz - INTERVAL '1 day',
    (SELECT max(scheduled_at) FROM market.runs WHERE component = 'verify' AND scheduled_at <= :'at'::timestamptz)
);
