-- Rebuilding an aggregate beside the one in use: `…_beside` while it is built, `…_before` once it has been replaced.

CREATE TABLE market.rebuilds (
    aggregate text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('building', 'swapped', 'settled')),
    copied_before timestamptz
);
COMMENT ON TABLE market.rebuilds IS 'Aggregates that are being rebuilt, or have been while what was there before is kept.';
COMMENT ON COLUMN market.rebuilds.state IS 'building: …_beside is not in use yet; swapped: it is, what changed meanwhile is still to be refreshed; settled: all is done, …_before is kept.';
COMMENT ON COLUMN market.rebuilds.copied_before IS 'Up to where the one that is not in use has its buckets from the one that was, since their minutes have been dropped; null: nowhere.';

CREATE FUNCTION market.derived_aggregates() RETURNS TABLE (aggregate text, below text, width interval, level integer)
LANGUAGE sql IMMUTABLE AS $$
    VALUES
        ('candles_5m', 'candles', INTERVAL '5 minutes', 1), ('candles_15m', 'candles_5m', '15 minutes', 2),
        ('candles_30m', 'candles_15m', '30 minutes', 3), ('candles_1h', 'candles_30m', '1 hour', 4),
        ('candles_4h', 'candles_1h', '4 hours', 5), ('candles_1d_parts', 'candles', '1 day', 1)
$$;
COMMENT ON FUNCTION market.derived_aggregates IS 'The continuous aggregates: what each is built on, how long its buckets are, and how many lie below.';

CREATE PROCEDURE market.drop_aggregates(aggregates text[], suffix text) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT d.aggregate FROM market.derived_aggregates() AS d WHERE d.aggregate = ANY (aggregates) ORDER BY d.level DESC LOOP
        EXECUTE format('DROP MATERIALIZED VIEW IF EXISTS market.%I', name || suffix);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.drop_aggregates IS 'Drops the aggregates of these names and one suffix, those on top first, where they are there.';

CREATE PROCEDURE market.copy_rights(given text, taken text) LANGUAGE plpgsql AS $$
DECLARE
    was pg_class := (SELECT c FROM pg_class AS c WHERE c.oid = format('market.%I', given)::regclass);
    item record;
BEGIN
    IF was.relowner <> (SELECT relowner FROM pg_class WHERE oid = format('market.%I', taken)::regclass) THEN
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I OWNER TO %s', taken, was.relowner::regrole);
    END IF;
    FOR item IN SELECT * FROM aclexplode(was.relacl) WHERE grantee <> was.relowner LOOP
        EXECUTE format(
            'GRANT %s ON market.%I TO %s%s', item.privilege_type, taken,
            CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END,
            CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.copy_rights IS 'Gives one aggregate the owner of another, and lets whoever may read that one read it.';

CREATE PROCEDURE market.create_beside(aggregates text[]) LANGUAGE plpgsql AS $$
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
COMMENT ON PROCEDURE market.create_beside IS 'Creates aggregates beside those in use, each on the one beside it where that is created too; without data.';

CREATE FUNCTION market.shared_columns(one regclass, other regclass) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_attribute AS a JOIN pg_attribute AS b USING (attname)
    WHERE a.attrelid = one AND b.attrelid = other AND a.attnum > 0 AND b.attnum > 0
        AND NOT a.attisdropped AND NOT b.attisdropped
$$;
COMMENT ON FUNCTION market.shared_columns IS 'The columns that both have: the fold may have got others since.';

-- Without bitmap scans, by which a DELETE may miss rows in columns.
CREATE FUNCTION market.copy_derived(aggregate text, given text, taken text, starts timestamptz, ends timestamptz) RETURNS bigint
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
COMMENT ON FUNCTION market.copy_derived IS 'Puts the materialised buckets of a stretch from one aggregate into another as they are, in the place of those there; says how many.';

CREATE FUNCTION market.compare_derived(aggregate text, given text, taken text, starts timestamptz, ends timestamptz)
RETURNS TABLE (instrument_id integer, bucket timestamptz, hour timestamptz, outcome text, was text, becomes text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    one regclass := format('market.%I', aggregate || given)::regclass;
    other regclass := format('market.%I', aggregate || taken)::regclass;
    days boolean := aggregate = 'candles_1d_parts';
    columns text[] := market.shared_columns(one, other);
BEGIN
    -- A bucket that stands twice is not the same: each is numbered. What is read, materialised or not, is held against
    -- each other in one snapshot. A bucket with a mark is known to be stale in one of them.
    RETURN QUERY EXECUTE format(
        $query$
        WITH joined AS (
            SELECT
                coalesce(o.instrument_id, n.instrument_id) AS instrument_id, coalesce(o.%1$I, n.%1$I) AS bucket,
                date_bin('1 hour', coalesce(n.time, o.time), '2000-01-01 00:00Z') AS hour,
                CASE
                    WHEN n.instrument_id IS NULL THEN 'only_old'
                    WHEN o.instrument_id IS NULL THEN 'only_new'
                    WHEN ROW(%2$s) IS DISTINCT FROM ROW(%3$s) THEN 'different'
                    ELSE 'same'
                END AS outcome,
                ROW(%2$s)::text AS was, ROW(%3$s)::text AS becomes
            FROM (
                SELECT *, row_number() OVER (PARTITION BY %4$s) AS copy FROM %5$s WHERE %1$I >= $1 AND %1$I < $2
            ) AS o
            FULL JOIN (
                SELECT *, row_number() OVER (PARTITION BY %4$s) AS copy FROM %6$s WHERE %1$I >= $1 AND %1$I < $2
            ) AS n USING (%4$s, copy)
        )
        SELECT
            j.instrument_id, j.bucket, j.hour,
            CASE
                WHEN j.outcome = 'same' THEN j.outcome
                WHEN EXISTS (
                    SELECT FROM market.stale AS s
                    WHERE s.hour > j.bucket - INTERVAL '1 hour' AND s.hour < j.bucket + $3
                        AND j.instrument_id = ANY (s.instrument_ids)
                ) THEN 'waiting'
                ELSE j.outcome
            END,
            CASE WHEN j.outcome IN ('different', 'only_old') THEN j.was END,
            CASE WHEN j.outcome IN ('different', 'only_new') THEN j.becomes END
        FROM joined AS j
        $query$,
        CASE WHEN days THEN 'day' ELSE 'time' END,
        (SELECT string_agg(format('o.%I', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('n.%I', c), ', ') FROM unnest(columns) AS c),
        CASE WHEN days THEN 'instrument_id, session_date, day' ELSE 'instrument_id, time' END,
        one, other
    ) USING starts, ends, (SELECT d.width FROM market.derived_aggregates() AS d WHERE d.aggregate = compare_derived.aggregate);
END
$$;
COMMENT ON FUNCTION market.compare_derived IS 'Every bucket of a stretch in two aggregates: same, different, only_old, only_new, or waiting: not the same, and marked to be refreshed; where not the same, both rows.';

CREATE FUNCTION market.plain_views_over(aggregates text[]) RETURNS SETOF oid LANGUAGE sql STABLE AS $$
    SELECT DISTINCT c.oid
    FROM unnest(aggregates) AS each (name)
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = format('market.%I', each.name)::regclass
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'v'
    WHERE c.relnamespace <> to_regnamespace('_timescaledb_internal')
        AND NOT EXISTS (
            SELECT FROM timescaledb_information.continuous_aggregates AS a
            WHERE to_regclass(format('%I.%I', a.view_schema, a.view_name)) = c.oid
        )
$$;
COMMENT ON FUNCTION market.plain_views_over IS 'The views, ours and anybody''s, that read one of these aggregates.';

CREATE FUNCTION market.strange_dependents(aggregates text[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('the continuous aggregate %I.%I', top.user_view_schema, top.user_view_name)
    FROM _timescaledb_catalog.continuous_agg AS top
    JOIN _timescaledb_catalog.continuous_agg AS below ON below.mat_hypertable_id = top.parent_mat_hypertable_id
    WHERE below.user_view_schema = 'market' AND below.user_view_name = ANY (aggregates)
        AND NOT (top.user_view_schema = 'market' AND top.user_view_name = ANY (aggregates))
    UNION
    SELECT CASE d.classid
        WHEN 'pg_proc'::regclass THEN format('the function %s', d.objid::regprocedure)
        ELSE format('the materialized view %s', c.oid::regclass)
    END
    FROM unnest(aggregates) AS each (name)
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = format('market.%I', each.name)::regclass
    LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'm'
    WHERE d.classid = 'pg_proc'::regclass OR c.oid IS NOT NULL
$$;
COMMENT ON FUNCTION market.strange_dependents IS 'What else is built on these aggregates, and cannot be led to others: it must go before they are replaced.';

CREATE PROCEDURE market.delete_aggregate_jobs(aggregates text[]) LANGUAGE sql AS $$
    SELECT delete_job(j.job_id)
    FROM timescaledb_information.jobs AS j
    JOIN market.kept_tables AS k
        ON (j.hypertable_schema = 'market' AND j.hypertable_name = k.table_name)
        OR k.relation = to_regclass(format('%I.%I', coalesce(j.hypertable_schema, ''), coalesce(j.hypertable_name, '')))
    WHERE k.table_name = ANY (aggregates)
$$;
COMMENT ON PROCEDURE market.delete_aggregate_jobs IS 'Removes the jobs that belong to aggregates; those that go by a name, as statistics do, stay with the name.';

-- With names written out in full, so that the text means the same whoever reads it.
CREATE FUNCTION market.view_definition(view oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        'CREATE OR REPLACE VIEW %s%s AS %s', c.oid::regclass, ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
        pg_get_viewdef(c.oid)
    ) FROM pg_class AS c WHERE c.oid = view
$$;
COMMENT ON FUNCTION market.view_definition IS 'The statement that makes a view as it is.';

CREATE PROCEDURE market.swap_aggregates(aggregates text[], instead text, away text) LANGUAGE plpgsql AS $$
DECLARE
    views oid[] := ARRAY(SELECT market.plain_views_over(aggregates));
    definitions text[];
    item record;
BEGIN
    CALL market.delete_aggregate_jobs(aggregates);
    -- From above, as a reader locks them: whoever reads already is waited for, and nobody waits for another in a circle.
    FOR item IN SELECT c.oid::regclass AS view, c.relowner::regrole AS owner FROM pg_class AS c WHERE c.oid = ANY (views) LOOP
        EXECUTE format('ALTER VIEW %s OWNER TO %s', item.view, item.owner);
    END LOOP;
    definitions := ARRAY(SELECT market.view_definition(view) FROM unnest(views) AS view);
    FOR item IN SELECT d.aggregate FROM market.derived_aggregates() AS d WHERE d.aggregate = ANY (aggregates) ORDER BY d.level DESC LOOP
        CALL market.copy_rights(item.aggregate, item.aggregate || instead);
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I RENAME TO %I', item.aggregate, item.aggregate || away);
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I RENAME TO %I', item.aggregate || instead, item.aggregate);
    END LOOP;
    -- The same text, read again, finds the new ones under the names.
    FOR item IN SELECT unnest(definitions) AS definition LOOP
        EXECUTE item.definition;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.swap_aggregates IS 'Gives the aggregates of one suffix the names in use, and those in use another suffix; their jobs go, and views over them are led to the new ones.';

CREATE OR REPLACE FUNCTION market.dropping_waits_for(table_name text, starts timestamptz, ends timestamptz) RETURNS text
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
        -- What was replaced is kept to go back to, and gets what was dropped from the one in use.
        CONTINUE WHEN aggregate LIKE '%\_before';
        -- What is being built needs all minutes that were there when it began.
        IF aggregate LIKE '%\_beside' THEN
            RETURN format('%s is being rebuilt', left(aggregate, -length('_beside')));
        END IF;
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
