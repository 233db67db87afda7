-- What was dropped and no run has reported yet, by any program, is reported by the run of :at; also what a run took that
-- left no row in market.runs, for it died. A run that is repeated names what it named before. Where changes are published, so is what was
-- dropped of :tables, each of a data set, and of a timeframe where it is a roll-up: once.
WITH unreported AS MATERIALIZED (
    SELECT drop_id FROM market.drops WHERE reported_in IS NULL
), taken AS (
    UPDATE market.drops AS d SET reported_in = :'at'::timestamptz
    WHERE d.reported_in IS NULL OR (
        isfinite(d.reported_in) AND d.reported_in <> :'at'::timestamptz AND d.dropped_at > now() - INTERVAL '1 day'
        AND NOT EXISTS (
            SELECT FROM market.runs AS r WHERE r.component = 'policy_maintenance' AND r.scheduled_at = d.reported_in
        )
    )
    RETURNING d.drop_id, d.table_name, d.starts, d.ends, d.rows
), told AS (
    INSERT INTO market.unpublished_changes (dataset, kind, timeframes, starts, ends)
    SELECT k.dataset, 'deleted', array_remove(ARRAY[k.timeframe], NULL), t.starts, t.ends
    FROM taken AS t
    JOIN unreported USING (drop_id)
    JOIN unnest(:'tables'::text[], :'datasets'::text[], :'timeframes'::text[]) AS k (table_name, dataset, timeframe)
        USING (table_name)
    WHERE current_setting('chandlery.changes', true) = 'on'
)
SELECT table_name, starts, ends, rows, is_new
FROM (
    SELECT *, true AS is_new FROM taken
    UNION ALL
    SELECT drop_id, table_name, starts, ends, rows, false FROM market.drops WHERE reported_in = :'at'::timestamptz
) AS told
ORDER BY drop_id;
