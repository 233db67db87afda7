CREATE OR REPLACE FUNCTION market.fingerprint_candles(
    of_dataset text, of_instrument integer, first timestamptz, beyond timestamptz, of_sessions boolean, bucket_width interval,
    chain text[], chain_widths interval[]
) RETURNS TABLE (settled_to timestamptz, told text) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    found timestamptz;
BEGIN
    -- Asked apart, and where it is needed alone: a plan that may read candles opens all of their chunks, read or not. All
    -- statements of a function that is STABLE see the same moment.
    IF (
        SELECT coalesce(n.listed_at, n.data_from) IS NULL FROM market.instruments AS n WHERE n.instrument_id = of_instrument
    ) THEN
        SELECT min(c.time) INTO found FROM market.candles AS c WHERE c.instrument_id = of_instrument;
    END IF;
    -- store/fingerprints.py explains why this is enough.
    RETURN QUERY WITH instrument AS (
        SELECT
            n.calendar, n.xmin AS revision, c.xmin AS calendar_revision,
            -- Expected minutes begin with the first candle, as long as nothing else is known.
            found AS first_minute
        FROM market.instruments AS n JOIN market.calendars AS c USING (calendar)
        WHERE n.instrument_id = of_instrument
    ), stretch AS (
        -- Of dates: their sessions, which may begin the evening before.
        SELECT
            date_bin('1 hour', least(first, min(s.opens_at)), '2000-01-01 00:00Z') AS starts,
            greatest(beyond, max(s.closes_at) + INTERVAL '1 minute') AS ends
        FROM instrument AS n
        LEFT JOIN market.sessions AS s
            ON of_sessions AND s.calendar = n.calendar
            AND s.session_date >= (first AT TIME ZONE 'UTC')::date
            AND s.session_date < (beyond AT TIME ZONE 'UTC')::date
    ), aggregates AS MATERIALIZED (
        SELECT
            made.aggregate, made.width, a.mat_hypertable_id, view.xmin AS revision,
            _timescaledb_functions.to_timestamp(nullif(w.watermark, -210866803200000000)) AS materialized_to
        FROM unnest(chain, chain_widths) AS made (aggregate, width)
        JOIN _timescaledb_catalog.continuous_agg AS a ON a.user_view_schema = 'market' AND a.user_view_name = made.aggregate
        JOIN _timescaledb_catalog.continuous_aggs_watermark AS w USING (mat_hypertable_id)
        JOIN pg_class AS view ON view.oid = format('market.%I', made.aggregate)::regclass
    ), doubtful AS (
        -- Changed, and materialized: perhaps before the change.
        SELECT s.hour
        FROM stretch, market.marks AS s
        WHERE s.dataset = of_dataset AND s.work = 'refresh'
            AND s.hour >= stretch.starts AND s.hour < stretch.ends AND s.hour < (SELECT max(materialized_to) FROM aggregates)
            AND of_instrument = ANY (s.instrument_ids)
        UNION ALL
        -- A bucket that was open when the mark was taken, and is not computed any more: perhaps it was passed over.
        SELECT o.hour
        FROM stretch, market.open_hours AS o, aggregates AS a
        WHERE o.dataset = of_dataset AND o.hour >= stretch.starts AND o.hour < stretch.ends
            AND greatest(
                date_bin(a.width, o.hour, '2000-01-01 00:00Z'), date_bin(a.width, o.settled, '2000-01-01 00:00Z')
            ) < least(a.materialized_to, o.hour + INTERVAL '1 hour')
            -- Of an aggregate that was never refreshed every bucket is computed.
            AND a.materialized_to IS NOT NULL
        UNION ALL
        -- Put in use by a rebuild, which has still to refresh what changed meanwhile.
        SELECT stretch.starts
        FROM stretch, market.rebuilds AS r JOIN aggregates AS a USING (aggregate)
        WHERE r.state = 'swapped'
    ), told AS (
        SELECT stretch.starts, doubt.settled_to, coalesce(doubt.settled_to, stretch.ends) AS ends
        FROM stretch
        CROSS JOIN (
            SELECT CASE
                -- Of dates all is in doubt: they are few.
                WHEN of_sessions AND min(hour) IS NOT NULL THEN first
                WHEN min(hour) IS NOT NULL THEN
                    greatest(date_bin(bucket_width, min(hour), '2000-01-01 00:00Z'), first)
            END AS settled_to
            FROM doubtful
        ) AS doubt
    )
    SELECT
        told.settled_to,
        concat_ws(
            ' ',
            -- Where versions are counted: not in a copy, nor in what was restored from an older state.
            cluster.system_identifier, state.timeline_id, own.oid, pg_relation_filenode('market.hour_versions'),
            told.ends, n.revision, n.calendar_revision, coalesce(n.first_minute::text, '-'),
            coalesce((
                SELECT sum(v.version) FROM market.hour_versions AS v
                WHERE v.dataset = of_dataset AND v.share = of_instrument % 64
                    AND v.hour >= told.starts AND v.hour < told.ends
            ), 0),
            coalesce((
                SELECT least(greatest(h.dropped_before, told.starts), told.ends)::text
                FROM market.horizons AS h WHERE h.table_name = of_dataset
            ), '-'),
            (
                SELECT string_agg(
                    concat_ws(' ', a.mat_hypertable_id, a.revision, coalesce(least(a.materialized_to, told.ends)::text, '-')),
                    ' ' ORDER BY a.width
                ) FROM aggregates AS a
            )
        ) AS told
    FROM instrument AS n
    CROSS JOIN told
    CROSS JOIN pg_control_system() AS cluster
    CROSS JOIN pg_control_checkpoint() AS state
    JOIN pg_database AS own ON own.datname = current_database();
END
$$;
COMMENT ON FUNCTION market.fingerprint_candles IS 'A fingerprint of the rows of a data set and an instrument whose buckets start in [first, beyond): the same text, the same rows. Of session dates (of_sessions) it is the dates of that stretch. chain and chain_widths: the aggregates they are made of. settled_to: where, in doubt, the first bucket begins that may be older than its minutes, and the fingerprint ends; null: nowhere.';
