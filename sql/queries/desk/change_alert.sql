-- Changes what was said about an alert, if it is of that revision (null: of any). Another level, or side, is armed as of now; so is one
-- that was said to be armed.
UPDATE market.alerts AS a SET
    (side, level, is_recurring, expires_at, note) = (
        SELECT s.side, s.level, s.is_recurring, s.expires_at, s.note FROM jsonb_populate_record(a, :'said'::jsonb) AS s
    ),
    (state, armed_at, is_new) = (
        SELECT
            CASE WHEN is_armed THEN 'armed' ELSE a.state END,
            CASE WHEN is_armed THEN :'at'::timestamptz ELSE a.armed_at END,
            is_armed OR a.is_new
        FROM jsonb_populate_record(a, :'said'::jsonb) AS s
        CROSS JOIN LATERAL (SELECT :'said'::jsonb ? 'state' OR (s.side, s.level) <> (a.side, a.level) AS is_armed) AS arming
    ),
    revision = a.revision + 1,
    updated_at = :'at'::timestamptz
WHERE a.alert_id = :'alert_id'::bigint AND coalesce(:'revision'::bigint, a.revision) = a.revision;
