CREATE OR REPLACE FUNCTION market.verify_derived(aggregate text, starts timestamptz, ends timestamptz, instrument_ids integer[])
RETURNS TABLE (instrument_id integer, bucket timestamptz, hour timestamptz, outcome text, was text, becomes text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    stored regclass := market.policy_relation(aggregate);
    rollup market.rollups := (SELECT r FROM market.rollups AS r WHERE r.relation = aggregate);
    keys text := array_to_string(rollup.keys, ', ');
    columns text[] := market.shared_columns(stored, format('market.%I', aggregate)::regclass);
    gone tstzmultirange := market.dropped(rollup.dataset);
    -- Beyond, buckets are computed when read.
    until timestamptz := least(ends, coalesce(market.materialized_up_to(aggregate), '-infinity'));
    chosen text := CASE WHEN instrument_ids IS NULL THEN '' ELSE 'AND instrument_id = ANY ($4)' END;
    something boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %s WHERE %I >= $1 AND %2$I < $2) OR EXISTS (SELECT FROM market.%I WHERE time >= $1 AND time < $2)',
        stored, rollup.bucket, rollup.dataset
    ) INTO something USING starts, until;
    IF NOT something THEN
        RETURN;
    END IF;
    -- All in one snapshot. A bucket with a mark is known to be stale, one that exists twice is wrong whatever is marked.
    RETURN QUERY EXECUTE format(
        $query$
        WITH stored AS (
            SELECT *, row_number() OVER (PARTITION BY %1$s) AS copy FROM %2$s WHERE %3$I >= $1 AND %3$I < $3 %4$s
        ), folded AS (
            SELECT *, 1 AS copy FROM (%5$s) AS computed
        ), joined AS (
            SELECT
                coalesce(s.instrument_id, f.instrument_id) AS instrument_id, coalesce(s.%3$I, f.%3$I) AS bucket,
                date_bin('1 hour', coalesce(f.time, s.time), '2000-01-01 00:00Z') AS hour,
                CASE
                    WHEN s.copy > 1 THEN 'twice'
                    WHEN tstzrange(s.%3$I, s.%3$I + $5) && $2 THEN 'dropped'
                    WHEN f.instrument_id IS NULL THEN 'only_derived'
                    WHEN s.instrument_id IS NULL THEN 'only_minutes'
                    WHEN ROW(%6$s) IS DISTINCT FROM ROW(%7$s) THEN 'different'
                    ELSE 'same'
                END AS outcome,
                ROW(%6$s)::text AS was, ROW(%7$s)::text AS becomes
            FROM stored AS s FULL JOIN folded AS f USING (%1$s, copy)
            WHERE s.instrument_id IS NOT NULL OR NOT tstzrange(f.%3$I, f.%3$I + $5) && $2
        )
        SELECT
            j.instrument_id, j.bucket, j.hour,
            CASE
                WHEN j.outcome IN ('same', 'twice', 'dropped') THEN j.outcome
                WHEN EXISTS (
                    SELECT FROM market.marks AS m
                    WHERE m.dataset = $6 AND m.work = 'refresh' AND m.hour > j.bucket - INTERVAL '1 hour' AND m.hour < j.bucket + $5
                        AND j.instrument_id = ANY (m.instrument_ids)
                ) OR EXISTS (
                    SELECT FROM market.open_hours AS m
                    WHERE m.dataset = $6 AND m.hour > j.bucket - INTERVAL '1 hour' AND m.hour < j.bucket + $5
                ) THEN 'waiting'
                ELSE j.outcome
            END,
            CASE WHEN j.outcome IN ('different', 'only_derived', 'twice') THEN j.was END,
            CASE WHEN j.outcome IN ('different', 'only_minutes') THEN j.becomes END
        FROM joined AS j
        $query$,
        keys, stored, rollup.bucket, chosen,
        format(rollup.fold, format(
            '(SELECT * FROM market.%I WHERE time >= $1 AND time < $3 %s) AS kept', rollup.dataset, chosen
        )),
        (SELECT string_agg(format('s.%I', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('f.%I', c), ', ') FROM unnest(columns) AS c)
    ) USING starts, gone, until, instrument_ids, rollup.width, rollup.dataset;
END
$$;
COMMENT ON FUNCTION market.verify_derived IS 'Every materialised bucket of a stretch, of all instruments or some, compared with its data set''s rows: same, twice, different, only_derived, only_minutes, dropped: it exists once and its minutes are gone, or waiting: not the same, and marked to be refreshed; where not the same, the row there is and the one of its minutes.';
