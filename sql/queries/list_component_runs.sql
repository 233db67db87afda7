-- Each component's newest run, and how many runs in a row have failed up to it.
SELECT DISTINCT ON (run.component)
    run.component,
    run.scheduled_at,
    run.status,
    run.seconds,
    run.error,
    (
        SELECT count(*)::integer FROM market.runs AS failed
        WHERE failed.component = run.component AND failed.status = 'failed'
            AND failed.scheduled_at > coalesce(
                (SELECT max(scheduled_at) FROM market.runs AS good
                 WHERE good.component = run.component AND good.status = 'succeeded'),
                '-infinity'
            )
    ) AS failures_in_a_row,
    run.counts
FROM market.runs AS run
ORDER BY run.component, run.scheduled_at DESC;
