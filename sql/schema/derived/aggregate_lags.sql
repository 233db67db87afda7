-- How far each aggregate is behind: one formula, for health and for callers that ask for nothing else.
CREATE OR REPLACE FUNCTION market.aggregate_lags(at timestamptz) RETURNS TABLE (
    aggregate text, width interval, lag_seconds double precision, materialized_up_to timestamptz, oldest_waiting timestamptz,
    schedule interval, job_id integer
) LANGUAGE sql STABLE AS $$
    SELECT k.relation, k.width,
        greatest(extract(epoch FROM at - (oldest.bucket + k.width) - every.schedule - INTERVAL '1 minute'), 0)::double precision,
        up_to.moment, oldest.bucket, every.schedule, j.job_id
    FROM market.rollups AS k
    CROSS JOIN LATERAL market.materialized_up_to(k.relation) AS up_to (moment)
    LEFT JOIN timescaledb_information.jobs AS j
        ON j.proc_schema = 'market' AND j.proc_name = 'apply_refresh' AND j.config ->> 'table_name' = k.relation
    CROSS JOIN LATERAL (
        -- Maintenance comes every five minutes, and replaces the scheduler no more often.
        SELECT CASE WHEN market.stands_in(at) OR j.schedule_interval IS NULL
            THEN greatest(j.schedule_interval, INTERVAL '5 minutes') ELSE j.schedule_interval END
    ) AS every (schedule)
    CROSS JOIN LATERAL (
        SELECT time_bucket(k.width, market.oldest_row_between(
            k.relation, coalesce(up_to.moment, '-infinity'), time_bucket(k.width, at - INTERVAL '1 minute')
        ))
    ) AS oldest (bucket)
$$;
COMMENT ON FUNCTION market.aggregate_lags IS 'How far each aggregate is behind at a moment, from the data: from the end of the oldest closed bucket that has rows and is not materialised, less its schedule and a minute; not below 0.';
