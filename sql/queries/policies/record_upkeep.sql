-- Remembers that a policy was carried out, or that it failed.
INSERT INTO market.upkeep AS known (policy, ran_at, succeeded_at, failures, error)
VALUES (
    :'policy', :'at'::timestamptz, CASE WHEN :'error'::text IS NULL THEN :'at'::timestamptz END,
    (:'error'::text IS NOT NULL)::integer, :'error'::text
)
ON CONFLICT (policy) DO UPDATE SET
    ran_at = excluded.ran_at, error = excluded.error,
    succeeded_at = coalesce(excluded.succeeded_at, known.succeeded_at),
    failures = CASE WHEN excluded.error IS NULL THEN 0 ELSE known.failures + 1 END;
