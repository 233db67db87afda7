-- Extends the stretch a gap monitor has looked through; a stretch apart from it takes its place. One that lies
-- inside changes nothing, and touches nothing: ON CONFLICT alone would lock the row, which writes to it.
INSERT INTO market.scans AS known (dataset, component, starts, ends, resume_at)
SELECT :'dataset', :'component', :'starts'::timestamptz, :'ends'::timestamptz, :'resume_at'::timestamptz
WHERE NOT EXISTS (
    SELECT FROM market.scans
    WHERE dataset = :'dataset' AND component = :'component' AND starts <= :'starts'::timestamptz AND ends >= :'ends'::timestamptz
        AND resume_at IS NOT DISTINCT FROM :'resume_at'::timestamptz
)
ON CONFLICT (dataset, component) DO UPDATE SET
    starts = CASE WHEN known.ends >= excluded.starts THEN least(known.starts, excluded.starts) ELSE excluded.starts END,
    ends = CASE WHEN known.starts <= excluded.ends THEN greatest(known.ends, excluded.ends) ELSE excluded.ends END,
    resume_at = excluded.resume_at;
