CREATE OR REPLACE FUNCTION market.compare_derived(aggregate text, given text, taken text, starts timestamptz, ends timestamptz)
RETURNS TABLE (instrument_id integer, bucket timestamptz, hour timestamptz, outcome text, was text, becomes text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    one regclass := format('market.%I', aggregate || given)::regclass;
    other regclass := format('market.%I', aggregate || taken)::regclass;
    rollup market.rollups := (SELECT r FROM market.rollups AS r WHERE r.relation = aggregate);
    columns text[] := market.shared_columns(one, other);
BEGIN
    -- A bucket that exists twice is not the same: each is numbered. What is read, materialised or not, is compared with
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
                    SELECT FROM market.marks AS s
                    WHERE s.dataset = $4 AND s.work = 'refresh' AND s.hour > j.bucket - INTERVAL '1 hour' AND s.hour < j.bucket + $3
                        AND j.instrument_id = ANY (s.instrument_ids)
                ) THEN 'waiting'
                ELSE j.outcome
            END,
            CASE WHEN j.outcome IN ('different', 'only_old') THEN j.was END,
            CASE WHEN j.outcome IN ('different', 'only_new') THEN j.becomes END
        FROM joined AS j
        $query$,
        rollup.bucket,
        (SELECT string_agg(format('o.%I', c), ', ') FROM unnest(columns) AS c),
        (SELECT string_agg(format('n.%I', c), ', ') FROM unnest(columns) AS c),
        array_to_string(rollup.keys, ', '),
        one, other
    ) USING starts, ends, rollup.width, rollup.dataset;
END
$$;
COMMENT ON FUNCTION market.compare_derived IS 'Every bucket of a stretch in two aggregates: same, different, only_old, only_new, or waiting: not the same, and marked to be refreshed; where not the same, both rows.';
