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

DROP FUNCTION market.aggregate_lags(timestamptz);

ALTER TABLE market.rebuilds ADD COLUMN copied_before timestamptz;
UPDATE market.rebuilds SET copied_before = upper(copied) WHERE copied <> '{}';
ALTER TABLE market.rebuilds DROP COLUMN copied;
COMMENT ON COLUMN market.rebuilds.copied_before IS 'Up to where the one that is not in use has its buckets from the one that was, since their minutes have been dropped; null: nowhere.';

CREATE OR REPLACE PROCEDURE market.create_beside(aggregates text[]) LANGUAGE plpgsql AS $$
DECLARE
    each record;
BEGIN
    -- Retention, which takes this lock as well, comes before or sees that it must wait.
    PERFORM pg_advisory_xact_lock(hashtext('market.candles'));
    CALL market.drop_aggregates(aggregates, '_beside');
    FOR each IN SELECT * FROM market.derived_aggregates() AS d WHERE d.aggregate = ANY (aggregates) ORDER BY d.level LOOP
        IF each.aggregate = 'candles_1d_parts' THEN
            CALL market.create_derived_days('candles_1d_parts_beside');
        ELSE
            CALL market.create_derived(
                each.aggregate || '_beside', each.below || CASE WHEN each.below = ANY (aggregates) THEN '_beside' ELSE '' END,
                each.width
            );
        END IF;
        CALL market.copy_rights(each.aggregate, each.aggregate || '_beside');
        INSERT INTO market.rebuilds VALUES (each.aggregate, 'building')
        ON CONFLICT (aggregate) DO UPDATE SET state = 'building', copied_before = NULL;
    END LOOP;
END
$$;

-- Without bitmap scans, by which a DELETE may miss rows in columns.
CREATE OR REPLACE FUNCTION market.copy_derived(aggregate text, given text, taken text, starts timestamptz, ends timestamptz) RETURNS bigint
LANGUAGE plpgsql SET enable_bitmapscan = off AS $$
DECLARE
    source regclass := market.policy_relation(aggregate || given);
    target regclass := market.policy_relation(aggregate || taken);
    bucket text := CASE aggregate WHEN 'candles_1d_parts' THEN 'day' ELSE 'time' END;
    columns text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(market.shared_columns(source, target)) AS c);
    copied bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE %I >= $1 AND %2$I < $2', target, bucket) USING starts, ends;
    EXECUTE format(
        'INSERT INTO %s (%s) SELECT %2$s FROM %s WHERE %I >= $1 AND %4$I < $2', target, columns, source, bucket
    ) USING starts, ends;
    GET DIAGNOSTICS copied = ROW_COUNT;
    UPDATE market.rebuilds AS r SET copied_before = ends WHERE r.aggregate = copy_derived.aggregate;
    RETURN copied;
END
$$;

CREATE OR REPLACE FUNCTION market.release_refresh(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT
        pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate)),
        pg_advisory_unlock_shared(hashtext('market.horizons')),
        (SELECT set_config(name, reset_val, false) FROM pg_settings WHERE name = 'enable_bitmapscan')
$$;

CREATE OR REPLACE PROCEDURE market.refresh_aggregate(
    aggregate text, starts timestamptz, ends timestamptz, patience interval, by_force boolean, INOUT is_done boolean
) LANGUAGE plpgsql AS $$
DECLARE
    parts tstzrange[];
    part tstzrange;
BEGIN
    is_done := false;
    IF NOT market.hold_refresh(aggregate, patience) THEN
        RETURN;
    END IF;
    -- Minutes that were dropped would take their candles with them: whole buckets between them are refreshed.
    parts := ARRAY(
        SELECT tstzrange(edges.lower, edges.upper)
        FROM market.derived_aggregates() AS d
        CROSS JOIN unnest(tstzmultirange(tstzrange(starts, ends)) - market.dropped('candles')) AS kept
        CROSS JOIN LATERAL (SELECT
            CASE WHEN lower(kept) > starts THEN time_bucket(d.width, lower(kept) + d.width - INTERVAL '1 microsecond') ELSE starts END AS lower,
            CASE WHEN upper(kept) < ends THEN time_bucket(d.width, upper(kept)) ELSE ends END AS upper
        ) AS edges
        WHERE d.aggregate = regexp_replace(refresh_aggregate.aggregate, '_(beside|before)$', '') AND edges.lower < edges.upper
        ORDER BY edges.lower
    );
    -- Ends the wait's own timeout. The locks are the session's.
    COMMIT;
    IF EXISTS (
        SELECT FROM timescaledb_information.chunks AS c
        WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = market.policy_relation(aggregate)
            AND c.is_compressed AND c.range_start < ends AND c.range_end > starts
    ) THEN
        -- A refresh deletes before it inserts, and by a bitmap scan a DELETE may miss rows in columns: they would stand twice.
        PERFORM set_config('enable_bitmapscan', 'off', false);
    END IF;
    FOREACH part IN ARRAY parts LOOP
        -- All at once: between batches, the newest of which comes first, readers would miss candles.
        CALL refresh_continuous_aggregate(
            format('market.%I', aggregate)::regclass, lower(part), upper(part), by_force, '{"buckets_per_batch": 0}'::jsonb
        );
    END LOOP;
    -- What was materialized is there for whoever comes next.
    COMMIT;
    is_done := parts = '{}' OR NOT market.is_materializing(aggregate, starts, ends);
    PERFORM market.release_refresh(aggregate);
END
$$;
