-- One refresh of an aggregate at a time, whoever starts it: two at once leave buckets twice on some versions of TimescaleDB.

-- Each holder lets go at the end of the one statement that took it, or of its session. A session that was idle before
-- somebody began to wait has forgotten it: a pooler gave its client another one after an error.
CREATE FUNCTION market.end_forgetful_refresher(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_terminate_backend(l.pid)
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.pid <> pg_backend_pid() AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (l.classid::bigint, l.objid::bigint) = (
            hashtext('market.refresh')::bigint & 4294967295, hashtext(aggregate)::bigint & 4294967295
        )
        AND a.state = 'idle' AND a.state_change < now() AND pg_has_role(a.usename, 'USAGE')
$$;
COMMENT ON FUNCTION market.end_forgetful_refresher IS 'Ends a session that still holds the refresh lock of an aggregate, though it has been idle since before this transaction began.';

CREATE FUNCTION market.release_refresh(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate)), pg_advisory_unlock_shared(hashtext('market.horizons'))
$$;
COMMENT ON FUNCTION market.release_refresh IS 'Lets the next refresh of an aggregate in, and retention go on.';

CREATE FUNCTION market.hold_refresh(aggregate text, patience interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    horizon_held boolean := false;
BEGIN
    PERFORM set_config('lock_timeout', greatest(ceil(extract(epoch FROM patience) * 1000), 1)::text, true);
    -- Retention waits while this is held: what was read of the horizon stays true.
    PERFORM pg_advisory_lock_shared(hashtext('market.horizons'));
    horizon_held := true;
    PERFORM pg_advisory_lock(hashtext('market.refresh'), hashtext(aggregate));
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    IF horizon_held THEN
        PERFORM pg_advisory_unlock_shared(hashtext('market.horizons'));
        PERFORM market.end_forgetful_refresher(aggregate);
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION market.hold_refresh IS 'Whether this session may refresh an aggregate, until market.release_refresh: it waits that long for whoever does.';

CREATE FUNCTION market.is_materializing(aggregate text, starts timestamptz, ends timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found boolean := false;
BEGIN
    -- Of versions that cut these ranges before they materialize them; later ones refuse a second refresh.
    IF to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') IS NOT NULL THEN
        EXECUTE $query$
            SELECT EXISTS (
                SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_ranges AS r
                JOIN _timescaledb_catalog.continuous_agg AS a ON a.mat_hypertable_id = r.materialization_id
                WHERE a.user_view_schema = 'market' AND a.user_view_name = $1
                    AND r.lowest_modified_value < _timescaledb_functions.to_unix_microseconds($3)
                    AND r.greatest_modified_value >= _timescaledb_functions.to_unix_microseconds($2)
            )
        $query$ INTO found USING aggregate, starts, ends;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.is_materializing IS 'Whether something of a window is known to be stale and not materialized yet: by somebody who refreshes without our lock.';

CREATE PROCEDURE market.refresh_aggregate(
    aggregate text, starts timestamptz, ends timestamptz, patience interval, by_force boolean, INOUT is_done boolean
) LANGUAGE plpgsql AS $$
BEGIN
    is_done := false;
    IF NOT market.hold_refresh(aggregate, patience) THEN
        RETURN;
    END IF;
    -- Minutes dropped since the window was chosen would take their candles with them.
    starts := greatest(starts, (
        SELECT time_bucket(d.width, h.dropped_before + d.width - INTERVAL '1 microsecond')
        FROM market.horizons AS h CROSS JOIN market.derived_aggregates() AS d
        WHERE h.table_name = 'candles' AND d.aggregate = regexp_replace(refresh_aggregate.aggregate, '_(beside|before)$', '')
    ));
    -- Ends the wait's own timeout. The locks are the session's.
    COMMIT;
    IF starts < ends THEN
        -- All at once: between batches, the newest of which comes first, readers would miss candles.
        CALL refresh_continuous_aggregate(
            format('market.%I', aggregate)::regclass, starts, ends, by_force, '{"buckets_per_batch": 0}'::jsonb
        );
    END IF;
    is_done := starts >= ends OR NOT market.is_materializing(aggregate, starts, ends);
    PERFORM market.release_refresh(aggregate);
END
$$;
COMMENT ON PROCEDURE market.refresh_aggregate IS 'Materializes what changed of whole buckets, by force all of them, while nobody else refreshes the aggregate; not inside a transaction. is_done: false where another refresh is at work; who asked keeps its marks. After an error call market.release_refresh, or end the session.';

CREATE PROCEDURE market.apply_refresh(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    is_done boolean;
BEGIN
    -- Where another one is at work for longer, the next run comes soon enough.
    CALL market.refresh_aggregate(
        config ->> 'table_name', now() - (config ->> 'start_offset')::interval, now() - (config ->> 'end_offset')::interval,
        INTERVAL '30 seconds', false, is_done
    );
END
$$;
COMMENT ON PROCEDURE market.apply_refresh IS 'A job of TimescaleDB''s scheduler: {"table_name": …, "start_offset": …, "end_offset": …}. Unlike its own policy it waits for every other refresh of the aggregate.';

CREATE PROCEDURE market.add_columnstore_job(table_name text, after interval, schedule interval, initial_start timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    relation regclass := format('market.%I', table_name)::regclass;
    width interval := (SELECT d.width FROM market.derived_aggregates() AS d WHERE d.aggregate = add_columnstore_job.table_name);
    policy integer;
BEGIN
    -- Some versions give an aggregate columns only if it has a refresh policy of their own: lent for this transaction, which
    -- nobody else ever sees.
    IF width IS NOT NULL AND NOT EXISTS (
        SELECT FROM timescaledb_information.jobs AS j
        WHERE j.proc_name = 'policy_refresh_continuous_aggregate'
            AND to_regclass(format('%I.%I', j.hypertable_schema, j.hypertable_name))
                IN (relation, market.policy_relation(add_columnstore_job.table_name))
    ) THEN
        policy := add_continuous_aggregate_policy(
            relation, start_offset => 3 * width, end_offset => INTERVAL '1 minute', schedule_interval => schedule
        );
    END IF;
    CALL add_columnstore_policy(relation, after => after, schedule_interval => schedule, initial_start => initial_start);
    IF policy IS NOT NULL THEN
        PERFORM delete_job(policy);
    END IF;
END
$$;
COMMENT ON PROCEDURE market.add_columnstore_job IS 'Adds TimescaleDB''s own policy that turns old chunks into columns, to an aggregate as well whose refresh job is ours.';

-- By our own jobs.
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
            ON j.proc_schema = 'market' AND j.proc_name = 'apply_refresh' AND j.config ->> 'table_name' = k.name
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
