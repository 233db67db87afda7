-- One row per component and scheduled time. A firing that repeats a run already done, and changed nothing, leaves the
-- row as it is; anything else is recorded as one more attempt.
INSERT INTO market.runs AS run (component, scheduled_at, status, counts, seconds, error)
SELECT
    :'component', :'scheduled_at'::timestamptz, :'status', :'counts'::jsonb, :'seconds'::double precision, :'error'::text
WHERE :'changed'::boolean OR NOT EXISTS (
    SELECT FROM market.runs
    WHERE component = :'component' AND scheduled_at = :'scheduled_at'::timestamptz AND status = 'succeeded'
)
ON CONFLICT (component, scheduled_at) DO UPDATE SET
    status = excluded.status, counts = excluded.counts, seconds = excluded.seconds, error = excluded.error,
    attempts = run.attempts + 1, recorded_at = now();
