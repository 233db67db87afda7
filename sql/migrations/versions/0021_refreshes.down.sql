-- Maintenance of the revision below adds TimescaleDB's own refresh policies. Jobs are not the schema owner's, but of whoever
-- keeps the policies.
RESET ROLE;
SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE proc_schema = 'market' AND proc_name = 'apply_refresh';
SET ROLE chandlery_owner;

CREATE OR REPLACE FUNCTION market.aggregation_health_at(at timestamptz) RETURNS TABLE (
    aggregate text, health text, lag_seconds double precision, materialized_up_to timestamptz, oldest_waiting timestamptz,
    schedule interval, last_run_at timestamptz, next_run_at timestamptz, failures bigint, error text, stale_waiting bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    stands_in boolean := market.stands_in(at);
    kind record;
BEGIN
    FOR kind IN
        SELECT k.name, k.width, up_to.moment, j.job_id, j.next_start, s.last_run_started_at, s.total_failures, u.ran_at,
            u.failures AS upkeep_failures, u.error AS upkeep_error,
            -- Maintenance comes every five minutes, and stands in no oftener.
            CASE WHEN stands_in OR j.schedule_interval IS NULL THEN greatest(j.schedule_interval, INTERVAL '5 minutes')
                ELSE j.schedule_interval END AS every
        FROM (VALUES
            ('candles_5m', INTERVAL '5 minutes'), ('candles_15m', '15 minutes'), ('candles_30m', '30 minutes'),
            ('candles_1h', '1 hour'), ('candles_4h', '4 hours'), ('candles_1d_parts', '1 day')
        ) AS k (name, width)
        CROSS JOIN LATERAL market.materialized_up_to(k.name) AS up_to (moment)
        LEFT JOIN timescaledb_information.jobs AS j
            ON j.proc_name = 'policy_refresh_continuous_aggregate'
            AND (j.config ->> 'mat_hypertable_id')::integer = (
                SELECT h.id FROM _timescaledb_catalog.hypertable AS h
                WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = market.policy_relation(k.name)
            )
        LEFT JOIN timescaledb_information.job_stats AS s ON s.job_id = j.job_id
        LEFT JOIN market.upkeep AS u ON u.policy = 'refresh ' || k.name
        ORDER BY k.width
    LOOP
        aggregate := kind.name;
        materialized_up_to := kind.moment;
        schedule := kind.every;
        oldest_waiting := time_bucket(kind.width, market.oldest_candle_between(
            coalesce(kind.moment, '-infinity'), time_bucket(kind.width, at - INTERVAL '1 minute'), kind.width = INTERVAL '1 day'
        ));
        lag_seconds := coalesce(greatest(
            extract(epoch FROM at - (oldest_waiting + kind.width) - kind.every - INTERVAL '1 minute'), 0
        ), 0);
        health := CASE WHEN lag_seconds > 300 THEN 'DELAYED' WHEN lag_seconds > 120 THEN 'WARNING' ELSE 'HEALTHY' END;
        last_run_at := CASE WHEN stands_in THEN kind.ran_at ELSE nullif(kind.last_run_started_at, '-infinity') END;
        next_run_at := CASE WHEN stands_in THEN date_bin(kind.every, kind.ran_at, '2000-01-01 00:00Z') + kind.every
            ELSE nullif(kind.next_start, '-infinity') END;
        failures := CASE WHEN stands_in THEN kind.upkeep_failures ELSE kind.total_failures END;
        error := CASE WHEN stands_in THEN kind.upkeep_error ELSE (
            SELECT e.err_message FROM timescaledb_information.job_errors AS e WHERE e.job_id = kind.job_id
            ORDER BY e.finish_time DESC LIMIT 1
        ) END;
        SELECT count(DISTINCT time_bucket(kind.width, part)) INTO stale_waiting
        FROM (SELECT DISTINCT hour FROM market.stale) AS marked
        CROSS JOIN LATERAL generate_series(
            hour, hour + INTERVAL '59 minutes', least(kind.width, INTERVAL '1 hour')
        ) AS part;
        RETURN NEXT;
    END LOOP;
END
$$;

DROP FUNCTION market.remove_copies(text, timestamptz, timestamptz);
DROP FUNCTION market.list_copies(text, timestamptz, timestamptz);
DROP FUNCTION market.unique_key(text);
DROP FUNCTION market.verify_derived(text, timestamptz, timestamptz, integer[]);
DROP PROCEDURE market.add_columnstore_job(text, interval, interval, timestamptz);
DROP PROCEDURE market.apply_refresh(integer, jsonb);
DROP PROCEDURE market.refresh_aggregate(text, timestamptz, timestamptz, interval, boolean, boolean);
DROP FUNCTION market.is_materializing(text, timestamptz, timestamptz);
DROP FUNCTION market.hold_refresh(text, interval);
DROP FUNCTION market.release_refresh(text);
DROP FUNCTION market.end_forgetful_refresher(text);
