-- What the database takes up, and how much more than a day before: runs of policy maintenance say what it was then.
SELECT
    own.bytes AS database_bytes,
    own.bytes - (
        SELECT (run.counts ->> 'database_bytes')::bigint
        FROM market.runs AS run
        WHERE run.component = 'policy_maintenance' AND run.counts ->> 'database_bytes' IS NOT NULL
            AND run.scheduled_at <= :'at'::timestamptz - INTERVAL '1 day'
            -- An outage may leave none at that minute; growth over much longer would be another thing.
            AND run.scheduled_at > :'at'::timestamptz - INTERVAL '1 day 3 hours'
        ORDER BY run.scheduled_at DESC
        LIMIT 1
    ) AS growth_bytes
-- Measured once: it grows meanwhile.
FROM (SELECT pg_database_size(current_database()) AS bytes OFFSET 0) AS own;
