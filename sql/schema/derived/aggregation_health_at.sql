CREATE OR REPLACE FUNCTION market.aggregation_health_at(at timestamptz) RETURNS TABLE (
    aggregate text, health text, lag_seconds double precision, materialized_up_to timestamptz, oldest_waiting timestamptz,
    schedule interval, last_run_at timestamptz, next_run_at timestamptz, failures bigint, error text, stale_waiting bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    stands_in boolean := market.stands_in(at);
    kind record;
BEGIN
    FOR kind IN
        SELECT l.*, r.dataset, j.next_start, s.last_run_started_at, s.total_failures, u.ran_at, u.failures AS upkeep_failures,
            u.error AS upkeep_error
        FROM market.aggregate_lags(at) AS l
        JOIN market.rollups AS r ON r.relation = l.aggregate
        LEFT JOIN timescaledb_information.jobs AS j USING (job_id)
        LEFT JOIN timescaledb_information.job_stats AS s USING (job_id)
        LEFT JOIN market.upkeep AS u ON u.policy = 'refresh ' || l.aggregate
        ORDER BY l.width
    LOOP
        aggregate := kind.aggregate;
        lag_seconds := kind.lag_seconds;
        materialized_up_to := kind.materialized_up_to;
        oldest_waiting := kind.oldest_waiting;
        schedule := kind.schedule;
        health := CASE WHEN lag_seconds > 300 THEN 'DELAYED' WHEN lag_seconds > 120 THEN 'WARNING' ELSE 'HEALTHY' END;
        last_run_at := CASE WHEN stands_in THEN kind.ran_at ELSE nullif(kind.last_run_started_at, '-infinity') END;
        next_run_at := CASE WHEN stands_in THEN date_bin(kind.schedule, kind.ran_at, '2000-01-01 00:00Z') + kind.schedule
            ELSE nullif(kind.next_start, '-infinity') END;
        failures := CASE WHEN stands_in THEN kind.upkeep_failures ELSE kind.total_failures END;
        error := CASE WHEN stands_in THEN kind.upkeep_error ELSE (
            SELECT e.err_message FROM timescaledb_information.job_errors AS e WHERE e.job_id = kind.job_id
            ORDER BY e.finish_time DESC LIMIT 1
        ) END;
        SELECT count(DISTINCT time_bucket(kind.width, part)) INTO stale_waiting
        FROM (SELECT DISTINCT hour FROM market.marks WHERE dataset = kind.dataset AND work = 'refresh') AS marked
        CROSS JOIN LATERAL generate_series(
            hour, hour + INTERVAL '59 minutes', least(kind.width, INTERVAL '1 hour')
        ) AS part;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION market.aggregation_health_at IS 'How fresh each aggregate is at a moment, from the data: its lag runs from the end of the oldest closed bucket that has rows and is not materialised, less its schedule and a minute; not below 0.';
