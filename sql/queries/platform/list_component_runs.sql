-- Of each component, as of :at: its newest run, its failures since the last one that succeeded, the counts of the
-- newest run that reported any, and when the row of its earliest run was written. A few probes of the index for each component.
WITH RECURSIVE components AS (
    (SELECT component FROM market.runs ORDER BY component LIMIT 1)
    UNION ALL
    SELECT (SELECT component FROM market.runs WHERE component > known.component ORDER BY component LIMIT 1)
    FROM components AS known WHERE known.component IS NOT NULL
)
SELECT
    newest.component,
    newest.scheduled_at,
    newest.status,
    newest.seconds,
    newest.error,
    (
        -- Each attempt of a run: Lambda tries those of the historical components thrice.
        SELECT coalesce(sum(failed.attempts), 0)::integer FROM market.runs AS failed
        WHERE failed.component = newest.component AND failed.status = 'failed' AND failed.scheduled_at <= newest.scheduled_at
            AND failed.scheduled_at > coalesce(
                (SELECT good.scheduled_at FROM market.runs AS good
                 WHERE good.component = newest.component AND good.status = 'succeeded'
                    AND good.scheduled_at <= newest.scheduled_at
                 ORDER BY good.scheduled_at DESC LIMIT 1),
                '-infinity'
            )
    ) AS failures_in_a_row,
    newest.counts,
    reported.scheduled_at AS reported_at,
    coalesce(reported.counts, '{}') AS reported,
    (
        SELECT recorded_at FROM market.runs AS earliest
        WHERE earliest.component = newest.component ORDER BY earliest.scheduled_at LIMIT 1
    ) AS first_recorded_at
FROM components
CROSS JOIN LATERAL (
    SELECT * FROM market.runs AS run
    WHERE run.component = components.component AND run.scheduled_at <= :'at'::timestamptz
    ORDER BY run.scheduled_at DESC LIMIT 1
) AS newest
LEFT JOIN LATERAL (
    SELECT run.scheduled_at, run.counts FROM market.runs AS run
    WHERE run.component = newest.component AND run.scheduled_at <= newest.scheduled_at
        AND run.status IN ('succeeded', 'failed') AND run.counts <> '{}'
    ORDER BY run.scheduled_at DESC LIMIT 1
) AS reported ON true
ORDER BY newest.component;
