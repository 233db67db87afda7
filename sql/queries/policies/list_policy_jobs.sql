-- Every job that somebody added: ours and TimescaleDB's policies by kind and table, a stranger's without a kind; how their
-- runs went, by the server's own clock.
SELECT
    j.job_id,
    CASE
        WHEN j.proc_schema = 'market' AND j.proc_name = 'apply_retention' THEN 'retention'
        WHEN j.proc_schema = 'market' AND j.proc_name = 'apply_statistics' THEN 'statistics'
        WHEN j.proc_schema = 'market' AND j.proc_name = 'apply_refresh' THEN 'refresh'
        WHEN k.table_name IS NULL THEN NULL
        WHEN j.proc_name = 'policy_refresh_continuous_aggregate' THEN 'timescaledb_refresh'
        WHEN j.proc_name = 'policy_compression' THEN 'columnstore'
        WHEN j.proc_name = 'policy_retention' THEN 'timescaledb_retention'
    END AS kind,
    CASE WHEN j.proc_schema = 'market' THEN j.config ->> 'table_name' ELSE k.table_name END AS table_name,
    format('%I.%I', j.proc_schema, j.proc_name) AS procedure,
    j.schedule_interval AS schedule,
    market.interval_or_null(
        coalesce(j.config ->> 'start_offset', j.config ->> 'compress_after', j.config ->> 'drop_after')
    ) AS age,
    market.interval_or_null(j.config ->> 'end_offset') AS end_offset,
    -- Null where the next run depends on when the last one ended.
    CASE WHEN j.fixed_schedule AND isfinite(j.initial_start) THEN j.initial_start END AS first_start,
    j.scheduled,
    coalesce(s.last_run_status = 'Failed', false) AS failed,
    CASE WHEN s.last_run_status = 'Failed' THEN (
        SELECT e.err_message FROM timescaledb_information.job_errors AS e WHERE e.job_id = j.job_id
        ORDER BY e.finish_time DESC LIMIT 1
    ) END AS error,
    coalesce(s.total_runs, 0) AS runs,
    -- A job that is running or about to has no next start.
    coalesce(extract(epoch FROM now() - greatest(
        CASE WHEN isfinite(j.next_start) THEN j.next_start END,
        CASE WHEN isfinite(s.last_run_started_at) THEN s.last_run_started_at + j.schedule_interval END
    )), 0)::double precision AS late_seconds
FROM timescaledb_information.jobs AS j
LEFT JOIN timescaledb_information.job_stats AS s ON s.job_id = j.job_id
LEFT JOIN market.kept_tables AS k
    -- An aggregate's job is listed under its own name or under that of the table it is materialised in.
    ON (j.hypertable_schema = 'market' AND j.hypertable_name = k.table_name)
    OR k.relation = to_regclass(format('%I.%I', coalesce(j.hypertable_schema, ''), coalesce(j.hypertable_name, '')))
-- TimescaleDB's own housekeeping has the numbers below.
WHERE j.job_id >= 1000
ORDER BY j.job_id;
