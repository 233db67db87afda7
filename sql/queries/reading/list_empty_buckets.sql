-- The first :most buckets in [starts, ends), or with :backward the newest, that an instrument's sessions expect and that have no
-- candle, up to its newest one; with the close before the first of them. :by_session for days, weeks and months (:unit), for
-- which :width does not count.
WITH life AS MATERIALIZED (
    SELECT
        n.calendar, n.delisted_at,
        -- As gap monitors count, but for a first candle that none has counted yet: that is :since.
        coalesce(n.listed_at, n.data_from, :'since'::timestamptz) AS since,
        least(
            :'ends'::timestamptz,
            (SELECT time FROM market.:"relation" WHERE instrument_id = n.instrument_id ORDER BY time DESC LIMIT 1)
        ) AS ends
    FROM market.instruments AS n WHERE n.instrument_id = :'instrument_id'::integer
), stretches AS (
    SELECT
        stretch.starts, stretch.ends, each.first, each.last,
        -- What earlier stretches give at least: two may share a bucket.
        sum(date_part('epoch', each.last - each.first) / date_part('epoch', :'width'::interval)) OVER (
            ORDER BY CASE WHEN :'backward'::boolean THEN -1 ELSE 1 END * date_part('epoch', stretch.starts)
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
    FROM life AS n
    JOIN market.sessions AS s USING (calendar)
    CROSS JOIN LATERAL (SELECT lower(part), upper(part) FROM unnest(s.open_hours) AS part) AS open (starts, ends)
    CROSS JOIN LATERAL (
        SELECT
            -- An opening in the middle of a minute expects the next one.
            date_bin(
                '1 minute',
                greatest(open.starts, n.since, CASE WHEN NOT :'by_session'::boolean THEN :'starts'::timestamptz END)
                + INTERVAL '59.999999 seconds',
                '2000-01-01 00:00Z'
            ) AS starts,
            least(
                open.ends, n.delisted_at,
                CASE WHEN NOT :'by_session'::boolean THEN n.ends + :'width'::interval END
            ) AS ends
    ) AS stretch
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN :'by_session'::boolean THEN date_trunc(:'unit', s.session_date::timestamp) AT TIME ZONE 'UTC'
                ELSE date_bin(:'width'::interval, stretch.starts, '2000-01-01 00:00Z') END AS first,
            CASE WHEN :'by_session'::boolean THEN date_trunc(:'unit', s.session_date::timestamp) AT TIME ZONE 'UTC'
                ELSE date_bin(:'width'::interval, stretch.ends - INTERVAL '1 microsecond', '2000-01-01 00:00Z') END AS last
    ) AS each
    WHERE stretch.starts < stretch.ends
        -- By the key, which has the dates: hours are never a week from their date, nor a month longer than 31 days.
        AND s.session_date >= (:'starts'::timestamptz - INTERVAL '7 days')::date
        AND s.session_date < (n.ends + INTERVAL '39 days')::date
        AND each.last >= :'starts'::timestamptz AND each.first < n.ends
), expected AS (
    SELECT
        bucket AS time,
        sum(
            ceil(date_part('epoch', least(e.ends, CASE WHEN NOT :'by_session'::boolean THEN bucket + :'width'::interval END)) / 60)
            - ceil(date_part('epoch', greatest(e.starts, CASE WHEN NOT :'by_session'::boolean THEN bucket END)) / 60)
        )::bigint AS minutes
    FROM stretches AS e
    CROSS JOIN LATERAL generate_series(e.first, e.last, :'width'::interval) AS bucket
    -- Each of those gives a row, of a page or of this; a partial candle that the page leaves out gives neither.
    WHERE (coalesce(e.before, 0) < :'most'::bigint + 2) IS NOT FALSE OR NOT :'partial_too'::boolean
    GROUP BY bucket
)
SELECT e.time, e.minutes AS expected
FROM expected AS e CROSS JOIN life AS n
WHERE e.time >= :'starts'::timestamptz AND e.time < n.ends
    AND e.time NOT IN (
        SELECT c.time FROM market.:"relation" AS c
        WHERE c.instrument_id = :'instrument_id'::integer AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
    )
ORDER BY CASE WHEN :'backward'::boolean THEN -1 ELSE 1 END * date_part('epoch', e.time)
LIMIT :'most'::bigint;
