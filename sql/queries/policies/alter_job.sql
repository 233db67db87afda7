-- Makes a job what it should be, and has it run again. Where rows should be kept longer, the operator's word covers no less.
WITH kept_longer AS (
    UPDATE market.retentions AS r SET after = greatest(r.after, :'age'::interval)
    FROM timescaledb_information.jobs AS j
    WHERE :'kind' = 'retention' AND j.job_id = :'job_id'::integer AND r.table_name = j.config ->> 'table_name'
)
SELECT alter_job(
    job_id, schedule_interval => :'schedule'::interval, scheduled => true, fixed_schedule => true,
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval),
    config => config || CASE :'kind'
        WHEN 'refresh' THEN jsonb_build_object('start_offset', :'age'::interval, 'end_offset', INTERVAL '1 minute')
        WHEN 'columnstore' THEN jsonb_build_object('compress_after', :'age'::interval)
        WHEN 'retention' THEN jsonb_build_object('drop_after', :'age'::interval)
        ELSE '{}'
    END
)
FROM timescaledb_information.jobs WHERE job_id = :'job_id'::integer;
