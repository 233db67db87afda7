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
        FROM market.rollups AS d
        CROSS JOIN unnest(tstzmultirange(tstzrange(starts, ends)) - market.dropped(d.dataset)) AS kept
        CROSS JOIN LATERAL (SELECT
            CASE WHEN lower(kept) > starts THEN time_bucket(d.width, lower(kept) + d.width - INTERVAL '1 microsecond') ELSE starts END AS lower,
            CASE WHEN upper(kept) < ends THEN time_bucket(d.width, upper(kept)) ELSE ends END AS upper
        ) AS edges
        WHERE d.relation = regexp_replace(refresh_aggregate.aggregate, '_(beside|before)$', '') AND edges.lower < edges.upper
        ORDER BY edges.lower
    );
    -- Ends the wait's own timeout. The locks are the session's.
    COMMIT;
    -- Chunks are folded together. One by one, TimescaleDB writes down each bucket's partial sums, first and last values, sorts
    -- them and reads them again to combine them: more than twice the work, wherever a refresh reads more than one chunk.
    IF current_setting('timescaledb.enable_chunkwise_aggregation', true) IS NOT NULL THEN
        PERFORM set_config('timescaledb.enable_chunkwise_aggregation', 'off', false);
    END IF;
    IF EXISTS (
        SELECT FROM timescaledb_information.chunks AS c
        WHERE format('%I.%I', c.hypertable_schema, c.hypertable_name)::regclass = market.policy_relation(aggregate)
            AND c.is_compressed AND c.range_start < ends AND c.range_end > starts
    ) THEN
        -- A refresh deletes before it inserts, and by a bitmap scan a DELETE may miss rows in columns: they would exist twice.
        PERFORM set_config('enable_bitmapscan', 'off', false);
    END IF;
    FOREACH part IN ARRAY parts LOOP
        -- All at once: between batches, the newest of which comes first, readers would miss candles.
        CALL refresh_continuous_aggregate(
            format('market.%I', aggregate)::regclass, lower(part), upper(part), by_force, '{"buckets_per_batch": 0}'::jsonb
        );
    END LOOP;
    -- What was materialized is there for the next caller.
    COMMIT;
    is_done := parts = '{}' OR NOT market.is_materializing(aggregate, starts, ends);
    PERFORM market.release_refresh(aggregate);
END
$$;
COMMENT ON PROCEDURE market.refresh_aggregate IS 'Materializes what changed of whole buckets, by force all of them, while nobody else refreshes the aggregate; not inside a transaction. is_done: false where another refresh is at work; who asked keeps its marks. After an error call market.release_refresh, or end the session.';
