DO $$
BEGIN
    -- A job whose procedure is gone would fail for ever.
    PERFORM delete_job(job_id) FROM timescaledb_information.jobs
    WHERE proc_schema = 'market' AND proc_name IN ('apply_retention', 'apply_statistics');
END
$$;
DROP VIEW market.storage;
DROP VIEW market.compression_stats;
DROP VIEW market.kept_tables;
DROP VIEW market.aggregation_health;
DROP FUNCTION market.aggregation_health_at(timestamptz);
DROP FUNCTION market.stands_in(timestamptz);
DROP FUNCTION market.has_scheduler();
DROP PROCEDURE market.apply_statistics(integer, jsonb);
DROP PROCEDURE market.apply_retention(integer, jsonb);
DROP FUNCTION market.drop_before(text, timestamptz);
DROP FUNCTION market.forget_before(timestamptz);
DROP FUNCTION market.dropping_waits_for(text, timestamptz, timestamptz);
DROP FUNCTION market.oldest_candle_between(timestamptz, timestamptz, boolean);
DROP FUNCTION market.materialized_up_to(text);
DROP PROCEDURE market.analyze_table(text);
DROP PROCEDURE market.remove_columnstore(text);
DROP PROCEDURE market.set_columnstore(text, text, text);
DROP FUNCTION market.policy_relation(text);
DROP FUNCTION market.interval_or_null(text);
CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    -- Open hours, breaks left out, cut at each full hour: so that a stretch is some minutes of one hour.
    SELECT s.calendar, s.session_date, tick.hour, stretch.starts, stretch.ends
    FROM market.sessions AS s
    CROSS JOIN LATERAL (
        VALUES (s.opens_at, coalesce(s.break_starts_at, s.closes_at)), (s.break_ends_at, s.closes_at)
    ) AS open (starts, ends)
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', greatest(open.starts, window_starts), '2000-01-01 00:00Z'),
        least(open.ends, window_ends) - INTERVAL '1 microsecond',
        INTERVAL '1 hour'
    ) AS tick (hour)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, tick.hour, window_starts) AS starts,
            least(open.ends, tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts AND open.starts IS NOT NULL
        -- A window that begins or ends in a break.
        AND stretch.starts < stretch.ends
$$;
DROP TABLE market.horizons;
DROP TABLE market.upkeep;
