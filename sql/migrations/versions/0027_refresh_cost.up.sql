-- Refreshes fold several chunks together; a rebuild copies what was dropped, and nothing between; one formula of the lag.

CREATE OR REPLACE FUNCTION market.release_refresh(aggregate text) RETURNS void LANGUAGE sql AS $$
    SELECT
        pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate)),
        pg_advisory_unlock_shared(hashtext('market.horizons')),
        (
            SELECT count(set_config(name, reset_val, false)) FROM pg_settings
            WHERE name IN ('enable_bitmapscan', 'timescaledb.enable_chunkwise_aggregation')
        )
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
    -- Chunks are folded together. One by one, TimescaleDB writes down each bucket's partial sums, first and last values, sorts
    -- them and reads them again to combine them: more than twice the work, wherever a refresh reads more than one chunk.
    PERFORM set_config(name, 'off', false) FROM pg_settings WHERE name = 'timescaledb.enable_chunkwise_aggregation';
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

ALTER TABLE market.rebuilds ADD COLUMN copied tstzmultirange NOT NULL DEFAULT '{}';
UPDATE market.rebuilds SET copied = tstzmultirange(tstzrange('-infinity', copied_before)) WHERE copied_before IS NOT NULL;
ALTER TABLE market.rebuilds DROP COLUMN copied_before;
COMMENT ON COLUMN market.rebuilds.copied IS 'The stretches of which the one that is not in use has its buckets from the one that was, since their minutes have been dropped.';

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
        ON CONFLICT (aggregate) DO UPDATE SET state = 'building', copied = '{}';
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
    UPDATE market.rebuilds AS r SET copied = r.copied + tstzmultirange(tstzrange(starts, ends))
    WHERE r.aggregate = copy_derived.aggregate;
    RETURN copied;
END
$$;

-- How far each aggregate is behind: one formula, for health and for whoever asks for no more.
CREATE FUNCTION market.aggregate_lags(at timestamptz) RETURNS TABLE (
    aggregate text, width interval, lag_seconds double precision, materialized_up_to timestamptz, oldest_waiting timestamptz,
    schedule interval, job_id integer
) LANGUAGE sql STABLE AS $$
    SELECT k.aggregate, k.width,
        greatest(extract(epoch FROM at - (oldest.bucket + k.width) - every.schedule - INTERVAL '1 minute'), 0)::double precision,
        up_to.moment, oldest.bucket, every.schedule, j.job_id
    FROM market.derived_aggregates() AS k
    CROSS JOIN LATERAL market.materialized_up_to(k.aggregate) AS up_to (moment)
    LEFT JOIN timescaledb_information.jobs AS j
        ON j.proc_schema = 'market' AND j.proc_name = 'apply_refresh' AND j.config ->> 'table_name' = k.aggregate
    CROSS JOIN LATERAL (
        -- Maintenance comes every five minutes, and stands in no oftener.
        SELECT CASE WHEN market.stands_in(at) OR j.schedule_interval IS NULL
            THEN greatest(j.schedule_interval, INTERVAL '5 minutes') ELSE j.schedule_interval END
    ) AS every (schedule)
    CROSS JOIN LATERAL (
        SELECT time_bucket(k.width, market.oldest_candle_between(
            coalesce(up_to.moment, '-infinity'), time_bucket(k.width, at - INTERVAL '1 minute'), k.width = INTERVAL '1 day'
        ))
    ) AS oldest (bucket)
$$;
COMMENT ON FUNCTION market.aggregate_lags IS 'How far each aggregate is behind at a moment, from the data: from the end of the oldest closed bucket that has candles and is not materialised, less its schedule and a minute; not below 0.';

CREATE OR REPLACE FUNCTION market.aggregation_health_at(at timestamptz) RETURNS TABLE (
    aggregate text, health text, lag_seconds double precision, materialized_up_to timestamptz, oldest_waiting timestamptz,
    schedule interval, last_run_at timestamptz, next_run_at timestamptz, failures bigint, error text, stale_waiting bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    stands_in boolean := market.stands_in(at);
    kind record;
BEGIN
    FOR kind IN
        SELECT l.*, j.next_start, s.last_run_started_at, s.total_failures, u.ran_at, u.failures AS upkeep_failures,
            u.error AS upkeep_error
        FROM market.aggregate_lags(at) AS l
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
        FROM (SELECT DISTINCT hour FROM market.stale) AS marked
        CROSS JOIN LATERAL generate_series(
            hour, hour + INTERVAL '59 minutes', least(kind.width, INTERVAL '1 hour')
        ) AS part;
        RETURN NEXT;
    END LOOP;
END
$$;
