-- How many wrong derived buckets the samples of policy maintenance found in the day up to a moment.
SELECT coalesce(sum((counts ->> 'wrong_buckets')::bigint), 0)
FROM market.runs
WHERE component = 'policy_maintenance' AND scheduled_at > :'at'::timestamptz - INTERVAL '1 day' AND scheduled_at <= :'at'::timestamptz;
