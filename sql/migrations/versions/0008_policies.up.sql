-- What keeps the database's policies, and tells how well.

CREATE TABLE market.upkeep (
    policy text PRIMARY KEY,
    ran_at timestamptz NOT NULL,
    succeeded_at timestamptz,
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    error text
);
COMMENT ON TABLE market.upkeep IS 'Policies that policy maintenance carried out in the place of a background scheduler: when last, by scheduled time; failures in a row.';

CREATE TABLE market.horizons (
    table_name text PRIMARY KEY,
    dropped_before timestamptz NOT NULL
);
COMMENT ON TABLE market.horizons IS 'Up to where retention has dropped a table''s rows: nothing derived from them can be made again, and nothing may be refreshed there.';

CREATE FUNCTION market.interval_or_null(given text) RETURNS interval LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN given::interval;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.interval_or_null IS 'What a job was told, if it is an interval: anybody may have written it.';

CREATE FUNCTION market.policy_relation(table_name text) RETURNS regclass LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce(
        (
            SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
            FROM timescaledb_information.continuous_aggregates
            WHERE view_schema = 'market' AND view_name = policy_relation.table_name
        ),
        format('market.%I', table_name)
    );
END
$$;
COMMENT ON FUNCTION market.policy_relation IS 'The hypertable that holds a table''s rows: its own, or the one an aggregate is materialised in.';

CREATE PROCEDURE market.set_columnstore(table_name text, segment_by text, order_by text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress, timescaledb.compress_segmentby = %L, timescaledb.compress_orderby = %L)',
        CASE WHEN market.policy_relation(table_name) = format('market.%I', table_name)::regclass THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END,
        table_name, segment_by, order_by
    );
END
$$;
COMMENT ON PROCEDURE market.set_columnstore IS 'How chunks become columns from now on; those that are columns already stay as they are.';

CREATE PROCEDURE market.remove_columnstore(table_name text) LANGUAGE plpgsql AS $$
DECLARE
    relation regclass := market.policy_relation(table_name);
BEGIN
    PERFORM decompress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass)
    FROM timescaledb_information.chunks
    WHERE is_compressed AND format('%I.%I', hypertable_schema, hypertable_name)::regclass = relation;
    EXECUTE format(
        'ALTER %s market.%I SET (timescaledb.compress = false)',
        CASE WHEN relation = format('market.%I', table_name)::regclass THEN 'TABLE' ELSE 'MATERIALIZED VIEW' END, table_name
    );
END
$$;
COMMENT ON PROCEDURE market.remove_columnstore IS 'Turns every chunk back into rows, and keeps them so.';

CREATE PROCEDURE market.analyze_table(table_name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ANALYZE %s', market.policy_relation(table_name));
END
$$;
COMMENT ON PROCEDURE market.analyze_table IS 'Makes the planner''s statistics anew, of an aggregate as well.';

CREATE FUNCTION market.materialized_up_to(aggregate text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- An aggregate that was never refreshed has a watermark before all time.
    RETURN (
        SELECT CASE WHEN moment > '0001-01-01 00:00Z' THEN moment END
        FROM (
            SELECT _timescaledb_functions.to_timestamp(_timescaledb_functions.cagg_watermark(h.id)) AS moment
            FROM _timescaledb_catalog.hypertable AS h
            WHERE format('%I.%I', h.schema_name, h.table_name)::regclass = market.policy_relation(aggregate)
        ) AS watermark
    );
END
$$;
COMMENT ON FUNCTION market.materialized_up_to IS 'The end of the newest bucket an aggregate was refreshed for; null where it never was.';

CREATE FUNCTION market.oldest_candle_between(starts timestamptz, ends timestamptz, regular boolean) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
    found timestamptz;
    earlier timestamptz := ends;
BEGIN
    -- One row at a time, through BRIN: no index has time first, and min() would read the whole stretch.
    LOOP
        SELECT time INTO earlier FROM market.candles
        WHERE time >= starts AND time < earlier AND NOT (regular AND extended)
        LIMIT 1;
        EXIT WHEN earlier IS NULL;
        found := earlier;
    END LOOP;
    RETURN found;
END
$$;
COMMENT ON FUNCTION market.oldest_candle_between IS 'The first candle that starts inside [starts, ends), of any instrument; of regular sessions only if so asked.';

CREATE FUNCTION market.dropping_waits_for(table_name text, starts timestamptz, ends timestamptz) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    aggregate text;
BEGIN
    IF table_name = 'ticks' AND EXISTS (SELECT FROM market.dirty WHERE bucket >= starts AND bucket < ends) THEN
        RETURN 'minutes there are still to be aggregated';
    ELSIF table_name <> 'candles' THEN
        RETURN NULL;
    ELSIF EXISTS (SELECT FROM market.stale WHERE hour >= starts AND hour < ends)
        OR EXISTS (SELECT FROM market.open_hours WHERE hour >= starts AND hour < ends) THEN
        RETURN 'derived candles over it are stale';
    END IF;
    FOR aggregate IN SELECT view_name FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'market' LOOP
        -- Without a look where the aggregate is past the chunk's end, as it is as a rule.
        CONTINUE WHEN market.materialized_up_to(aggregate) >= ends;
        IF market.oldest_candle_between(
            greatest(starts, market.materialized_up_to(aggregate)), ends, aggregate LIKE 'candles_1d_parts%'
        ) IS NOT NULL THEN
            RETURN format('%s is not materialised there', aggregate);
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.dropping_waits_for IS 'Why the rows of a stretch may not be dropped yet; null: nothing needs them.';

CREATE FUNCTION market.forget_before(horizon timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- What tells of candles goes along with them. What is dropped is neither missing nor to be asked for.
    PERFORM drop_chunks('market.candle_hours', older_than => horizon);
    DELETE FROM market.uncounted WHERE hour < horizon;
    DELETE FROM market.feed_minutes WHERE bucket < horizon;
    DELETE FROM market.gaps WHERE healed_at IS NULL AND ends <= horizon;
    UPDATE market.gaps AS g
    SET starts = horizon, minutes = greatest(g.minutes - (
        SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer
        FROM market.expected_stretches(g.starts, horizon) AS s JOIN market.instruments AS n USING (calendar)
        WHERE n.instrument_id = g.instrument_id
    ), 1)
    WHERE g.healed_at IS NULL AND g.starts < horizon;
END
$$;
COMMENT ON FUNCTION market.forget_before IS 'Drops what is known about candles that are no longer kept: hours, feeds'' minutes, open gaps.';

CREATE FUNCTION market.drop_before(table_name text, horizon timestamptz, OUT dropped integer, OUT waits text)
LANGUAGE plpgsql AS $$
DECLARE
    chunk record;
BEGIN
    dropped := 0;
    IF table_name = 'candles' THEN
        -- Whoever writes gaps or candles comes before or after: nothing may change between the look and the drop.
        PERFORM pg_advisory_xact_lock(hashtext('market.gaps'));
        PERFORM pg_advisory_xact_lock(hashtext('market.candles'));
    END IF;
    FOR chunk IN
        SELECT c.range_start, c.range_end
        FROM show_chunks(format('market.%I', table_name)::regclass, older_than => horizon) AS shown
        JOIN timescaledb_information.chunks AS c ON format('%I.%I', c.chunk_schema, c.chunk_name)::regclass = shown
        ORDER BY c.range_start
    LOOP
        waits := market.dropping_waits_for(table_name, chunk.range_start, chunk.range_end);
        IF waits IS NOT NULL THEN
            -- Nor a later one: below the horizon nothing is refreshed any more.
            waits := format('%s from %s on: %s', table_name, to_char(chunk.range_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"'), waits);
            RAISE NOTICE 'retention waits, %', waits;
            EXIT;
        END IF;
        IF table_name = 'candles' THEN
            PERFORM market.forget_before(chunk.range_end);
        END IF;
        PERFORM drop_chunks(format('market.%I', table_name)::regclass, older_than => chunk.range_end);
        INSERT INTO market.horizons AS known VALUES (drop_before.table_name, chunk.range_end)
        ON CONFLICT ON CONSTRAINT horizons_pkey DO UPDATE
        SET dropped_before = greatest(known.dropped_before, excluded.dropped_before);
        dropped := dropped + 1;
    END LOOP;
END
$$;
COMMENT ON FUNCTION market.drop_before IS 'Drops the chunks that lie wholly before a horizon, the oldest first, up to one that something still needs; says how many, and what it waits for.';

CREATE PROCEDURE market.apply_retention(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM market.drop_before(config ->> 'table_name', now() - (config ->> 'drop_after')::interval);
END
$$;
COMMENT ON PROCEDURE market.apply_retention IS 'A job of TimescaleDB''s scheduler: {"table_name": …, "drop_after": …}. Unlike its own retention it drops no candle that a derived one still needs.';

CREATE PROCEDURE market.apply_statistics(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL market.analyze_table(config ->> 'table_name');
END
$$;
COMMENT ON PROCEDURE market.apply_statistics IS 'A job of TimescaleDB''s scheduler: {"table_name": …}.';

-- What retention has dropped is not expected: neither coverage nor a scan for gaps may look below.
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
            greatest(
                open.starts, tick.hour, window_starts,
                (SELECT dropped_before FROM market.horizons WHERE table_name = 'candles')
            ) AS starts,
            least(open.ends, tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts AND open.starts IS NOT NULL
        -- A window that begins or ends in a break, or below the horizon.
        AND stretch.starts < stretch.ends
$$;

CREATE FUNCTION market.has_scheduler() RETURNS boolean LANGUAGE sql STABLE AS $$
    -- Names of applications are told to every role.
    SELECT EXISTS (
        SELECT FROM pg_stat_activity AS process JOIN pg_stat_database AS own ON own.datid = process.datid
        WHERE own.datname = current_database() AND process.application_name = 'TimescaleDB Background Worker Scheduler'
    )
$$;
COMMENT ON FUNCTION market.has_scheduler IS 'Whether TimescaleDB''s background scheduler runs for this database.';

CREATE FUNCTION market.stands_in(at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    -- TimescaleDB's jobs go by the server's clock: for another time they do nothing.
    SELECT NOT market.has_scheduler() OR abs(extract(epoch FROM at - now())) > 600
$$;
COMMENT ON FUNCTION market.stands_in IS 'Whether policy maintenance carries out the policies itself at a moment: no scheduler runs, or the moment is replayed.';

CREATE FUNCTION market.aggregation_health_at(at timestamptz) RETURNS TABLE (
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
COMMENT ON FUNCTION market.aggregation_health_at IS 'How fresh each aggregate is at a moment, from the data: its lag runs from the end of the oldest closed bucket that has candles and is not materialised, less its schedule and a minute; not below 0.';

CREATE VIEW market.aggregation_health AS SELECT * FROM market.aggregation_health_at(now());
COMMENT ON VIEW market.aggregation_health IS 'How fresh each aggregate is now.';

CREATE VIEW market.kept_tables AS
SELECT h.hypertable_name::text AS table_name, format('%I.%I', h.hypertable_schema, h.hypertable_name)::regclass AS relation
FROM timescaledb_information.hypertables AS h
WHERE h.hypertable_schema = 'market'
UNION ALL
SELECT a.view_name::text, format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
FROM timescaledb_information.continuous_aggregates AS a
WHERE a.view_schema = 'market';
COMMENT ON VIEW market.kept_tables IS 'The tables that policies can be for, each with the hypertable that holds its rows.';

CREATE VIEW market.compression_stats AS
SELECT
    k.table_name, s.total_chunks AS chunks, s.number_compressed_chunks AS columnar_chunks,
    s.before_compression_total_bytes AS before_bytes, s.after_compression_total_bytes AS after_bytes,
    round(s.before_compression_total_bytes::numeric / nullif(s.after_compression_total_bytes, 0), 1) AS ratio
FROM market.kept_tables AS k
CROSS JOIN LATERAL hypertable_columnstore_stats(k.relation) AS s;
COMMENT ON VIEW market.compression_stats IS 'What the columnstore saves: bytes of the chunks in it, before and after.';

CREATE VIEW market.storage AS
SELECT
    k.table_name, hypertable_size(k.relation) AS bytes, c.chunks, c.columnar_chunks, c.starts, c.ends,
    (hypertable_size(k.relation) / nullif(extract(epoch FROM c.length) / 86400, 0))::bigint AS bytes_per_day
FROM market.kept_tables AS k
CROSS JOIN LATERAL (
    SELECT
        count(*) AS chunks, count(*) FILTER (WHERE is_compressed) AS columnar_chunks, min(range_start) AS starts,
        max(range_end) AS ends, sum(range_end - range_start) AS length
    FROM timescaledb_information.chunks
    WHERE format('%I.%I', hypertable_schema, hypertable_name)::regclass = k.relation
) AS c;
COMMENT ON VIEW market.storage IS 'What is stored, columns and indexes included; bytes_per_day is the growth: bytes by the days its chunks cover.';
