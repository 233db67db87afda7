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
    SELECT
        pg_advisory_unlock(hashtext('market.refresh'), hashtext(aggregate)),
        pg_advisory_unlock_shared(hashtext('market.horizons')),
        (SELECT set_config(name, reset_val, false) FROM pg_settings WHERE name = 'enable_bitmapscan')
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
    -- Of versions that cut these ranges before they materialize them, asked as they do; later ones refuse a second refresh.
    IF to_regclass('_timescaledb_catalog.continuous_aggs_materialization_ranges') IS NOT NULL THEN
        EXECUTE $query$
            SELECT EXISTS (
                SELECT FROM _timescaledb_catalog.continuous_aggs_materialization_ranges AS r
                JOIN _timescaledb_catalog.continuous_agg AS a ON a.mat_hypertable_id = r.materialization_id
                WHERE a.user_view_schema = 'market' AND a.user_view_name = $1
                    AND r.greatest_modified_value >= r.lowest_modified_value
                    AND int8range(r.lowest_modified_value, r.greatest_modified_value) && int8range(
                        _timescaledb_functions.to_unix_microseconds($2), _timescaledb_functions.to_unix_microseconds($3)
                    )
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

CREATE FUNCTION market.verify_derived(aggregate text, starts timestamptz, ends timestamptz, instrument_ids integer[])
RETURNS TABLE (instrument_id integer, bucket timestamptz, hour timestamptz, outcome text, was text, becomes text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    stored regclass := market.policy_relation(aggregate);
    days boolean := aggregate = 'candles_1d_parts';
    bucket text := CASE WHEN days THEN 'day' ELSE 'time' END;
    keys text := CASE WHEN days THEN 'instrument_id, session_date, day' ELSE 'instrument_id, time' END;
    wide interval := (SELECT d.width FROM market.derived_aggregates() AS d WHERE d.aggregate = verify_derived.aggregate);
    columns text[] := market.shared_columns(stored, format('market.%I', aggregate)::regclass);
    gone tstzmultirange := market.dropped('candles');
    -- Beyond, buckets are computed when read.
    until timestamptz := least(ends, coalesce(market.materialized_up_to(aggregate), '-infinity'));
    chosen text := CASE WHEN instrument_ids IS NULL THEN '' ELSE 'AND instrument_id = ANY ($4)' END;
BEGIN
    -- All in one snapshot. A bucket with a mark is known to be stale, one that stands twice is wrong whatever is marked.
    RETURN QUERY EXECUTE format(
        $query$
        WITH stored AS (
            SELECT *, row_number() OVER (PARTITION BY %1$s) AS copy FROM %2$s WHERE %3$I >= $1 AND %3$I < $3 %4$s
        ), folded AS (
            SELECT instrument_id, %5$s, %6$s, 1 AS copy FROM market.candles
            WHERE time >= $1 AND time < $3 %4$s %7$s
            GROUP BY instrument_id, %8$s
        ), joined AS (
            SELECT
                coalesce(s.instrument_id, f.instrument_id) AS instrument_id, coalesce(s.%3$I, f.%3$I) AS bucket,
                date_bin('1 hour', coalesce(f.time, s.time), '2000-01-01 00:00Z') AS hour,
                CASE
                    WHEN s.copy > 1 THEN 'twice'
                    WHEN tstzrange(s.%3$I, s.%3$I + $5) && $2 THEN 'dropped'
                    WHEN f.instrument_id IS NULL THEN 'only_derived'
                    WHEN s.instrument_id IS NULL THEN 'only_minutes'
                    WHEN ROW(%9$s) IS DISTINCT FROM ROW(%10$s) THEN 'different'
                    ELSE 'same'
                END AS outcome,
                ROW(%9$s)::text AS was, ROW(%10$s)::text AS becomes
            FROM stored AS s FULL JOIN folded AS f USING (%1$s, copy)
            WHERE s.instrument_id IS NOT NULL OR NOT tstzrange(f.%3$I, f.%3$I + $5) && $2
        )
        SELECT
            j.instrument_id, j.bucket, j.hour,
            CASE
                WHEN j.outcome IN ('same', 'twice', 'dropped') THEN j.outcome
                WHEN EXISTS (
                    SELECT FROM market.stale AS m
                    WHERE m.hour > j.bucket - INTERVAL '1 hour' AND m.hour < j.bucket + $5
                        AND j.instrument_id = ANY (m.instrument_ids)
                ) OR EXISTS (
                    SELECT FROM market.open_hours AS m WHERE m.hour > j.bucket - INTERVAL '1 hour' AND m.hour < j.bucket + $5
                ) THEN 'waiting'
                ELSE j.outcome
            END,
            CASE WHEN j.outcome IN ('different', 'only_derived', 'twice') THEN j.was END,
            CASE WHEN j.outcome IN ('different', 'only_minutes') THEN j.becomes END
        FROM joined AS j
        $query$,
        keys, stored, bucket, chosen,
        CASE WHEN days THEN format('session_date, time_bucket(%L::interval, time) AS day, min(time) AS time', wide)
            ELSE format('time_bucket(%L::interval, time) AS time', wide) END,
        market.derived_columns('candles'),
        CASE WHEN days THEN 'AND NOT extended' ELSE '' END,
        CASE WHEN days THEN format('session_date, time_bucket(%L::interval, time)', wide)
            ELSE format('time_bucket(%L::interval, time)', wide) END,
        (SELECT string_agg(format('s.%I', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('f.%I', c), ', ') FROM unnest(columns) AS c)
    ) USING starts, gone, until, instrument_ids, wide;
END
$$;
COMMENT ON FUNCTION market.verify_derived IS 'Every materialised bucket of a stretch, of all instruments or some, held against its minutes: same, twice, different, only_derived, only_minutes, dropped: it stands once and its minutes are gone, or waiting: not the same, and marked to be refreshed; where not the same, the row there is and the one of its minutes.';

CREATE FUNCTION market.unique_key(table_name text, OUT time_column text, OUT keys text[], OUT best_first text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT known.time_column, known.keys, known.best_first FROM (VALUES
        ('time', '{instrument_id,time,seq}'::text[], 'cancelled DESC', 'ticks'),
        ('time', '{instrument_id,time}', 'version DESC, partial, revision DESC', 'candles'),
        ('time', '{instrument_id,timeframe,name,parameters,time}', 'made_at DESC', 'indicators'),
        ('day', '{instrument_id,session_date,day}', 'minutes DESC, volume DESC', 'candles_1d_parts'),
        ('time', '{instrument_id,time}', 'minutes DESC, volume DESC', 'derived')
    ) AS known (time_column, keys, best_first, name)
    WHERE known.name = CASE WHEN table_name ~ '^candles_\d+(m|h)$' THEN 'derived' ELSE table_name END
$$;
COMMENT ON FUNCTION market.unique_key IS 'The columns by which a row of a table can stand only once, and which of several is to be kept: the best comes first.';

CREATE FUNCTION market.list_copies(table_name text, starts timestamptz, ends timestamptz)
RETURNS TABLE (instrument_id integer, at timestamptz, copies bigint) LANGUAGE plpgsql STABLE AS $$
DECLARE
    key record := market.unique_key(table_name);
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT instrument_id, %1$I, count(*) FROM %2$s WHERE %1$I >= $1 AND %1$I < $2 GROUP BY %3$s HAVING count(*) > 1',
        key.time_column, market.policy_relation(table_name), array_to_string(key.keys, ', ')
    ) USING starts, ends;
END
$$;
COMMENT ON FUNCTION market.list_copies IS 'Keys that stand more than once in a stretch of a table, whatever its index says.';

CREATE FUNCTION market.remove_copies(table_name text, starts timestamptz, ends timestamptz) RETURNS bigint
-- Without bitmap scans, by which a DELETE may miss rows in columns, and however many rows a batch of columns has.
LANGUAGE plpgsql SET enable_bitmapscan = off SET timescaledb.max_tuples_decompressed_per_dml_transaction = 0 AS $$
DECLARE
    key record := market.unique_key(table_name);
    relation regclass := market.policy_relation(table_name);
    keys text := array_to_string(key.keys, ', ');
    ids integer[] := ARRAY(SELECT DISTINCT c.instrument_id FROM market.list_copies(table_name, starts, ends) AS c);
    removed bigint;
    kept bigint;
BEGIN
    EXECUTE format(
        'CREATE TEMPORARY TABLE kept_copies ON COMMIT DROP AS SELECT DISTINCT ON (%1$s) * FROM %2$s WHERE (%1$s) IN ('
        'SELECT %1$s FROM %2$s WHERE %3$I >= $1 AND %3$I < $2 AND instrument_id = ANY ($3) GROUP BY %1$s HAVING count(*) > 1'
        ') AND %3$I >= $1 AND %3$I < $2 ORDER BY %1$s, %4$s',
        keys, relation, key.time_column, key.best_first
    ) USING starts, ends, ids;
    EXECUTE format(
        'DELETE FROM %s WHERE %I >= $1 AND %2$I < $2 AND instrument_id = ANY ($3) AND (%3$s) IN (SELECT %3$s FROM kept_copies)',
        relation, key.time_column, keys
    ) USING starts, ends, ids;
    GET DIAGNOSTICS removed = ROW_COUNT;
    EXECUTE format('INSERT INTO %s SELECT * FROM kept_copies', relation);
    GET DIAGNOSTICS kept = ROW_COUNT;
    DROP TABLE kept_copies;
    RETURN removed - kept;
END
$$;
COMMENT ON FUNCTION market.remove_copies IS 'Leaves one row of each key in a stretch of a table, the best of those there; says how many went. Whoever calls it keeps the table''s writers out.';
