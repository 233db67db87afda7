-- How fresh each aggregate is at a moment.
SELECT
    aggregate, health, lag_seconds, materialized_up_to, oldest_waiting, schedule, last_run_at, next_run_at, failures, error,
    stale_waiting
FROM market.aggregation_health_at(:'at'::timestamptz);
