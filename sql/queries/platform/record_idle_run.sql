-- The row of a run that was switched off or dry: it never takes the place of one that succeeded.
INSERT INTO market.runs AS run (component, scheduled_at, status, counts, seconds, error)
VALUES (
    :'component', :'scheduled_at'::timestamptz, :'status', :'counts'::jsonb, :'seconds'::double precision, :'error'::text
)
ON CONFLICT (component, scheduled_at) DO UPDATE SET
    status = excluded.status, counts = excluded.counts, seconds = excluded.seconds, error = excluded.error,
    attempts = run.attempts + 1, recorded_at = now()
WHERE run.status <> 'succeeded';
