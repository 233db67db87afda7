-- Components whose newest run wrote nothing, and why: switched off, or dry. One probe of the index for each component.
WITH RECURSIVE newest AS (
    (SELECT component, status FROM market.runs ORDER BY component DESC, scheduled_at DESC LIMIT 1)
    UNION ALL
    SELECT following.*
    FROM newest
    CROSS JOIN LATERAL (
        SELECT component, status FROM market.runs
        WHERE component < newest.component ORDER BY component DESC, scheduled_at DESC LIMIT 1
    ) AS following
)
SELECT component, status FROM newest WHERE status IN ('switched_off', 'dry_run') ORDER BY component;
