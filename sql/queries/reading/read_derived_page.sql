-- The first :most derived candles of an instrument that start in [starts, ends), or with :backward the newest, in order; those
-- with partial minutes only if :partial_too; closed are those before :first_open. Minutes that sessions expect are counted for
-- the days alone that have candles: those of a rarely traded instrument lie far apart. :by_session for days, weeks and months;
-- of read_pages_of_many, :instrument, :between, :since and :first_open are each instrument's own; as in psql
-- -v instrument=1 -v between="time >= '2026-01-01Z' AND time < '2026-03-09Z'" -v since=NULL -v relation=candles_1w
-- -v by_session=true -v width='7 days' -v first_open="timestamptz '2026-03-09Z'" ...
WITH page AS MATERIALIZED (
    (
        SELECT * FROM market.:"relation"
        WHERE NOT :'backward'::boolean AND instrument_id = :instrument
            AND :between
            AND (:'partial_too'::boolean OR partial_minutes = 0)
        ORDER BY time LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT * FROM market.:"relation"
        WHERE :'backward'::boolean AND instrument_id = :instrument
            AND :between
            AND (:'partial_too'::boolean OR partial_minutes = 0)
        ORDER BY time DESC LIMIT :'most'::bigint
    )
), days AS (
    -- Of days, weeks and months each candle has its own session dates.
    SELECT DISTINCT
        CASE WHEN :'by_session'::boolean THEN time ELSE date_bin('1 day', time, '2000-01-01 00:00Z') END AS starts
    FROM page
), openings AS (
    SELECT
        d.starts AS day,
        greatest(open.starts, life.since, CASE WHEN NOT :'by_session'::boolean THEN d.starts END) AS starts,
        least(open.ends, n.delisted_at, CASE WHEN NOT :'by_session'::boolean THEN d.starts + INTERVAL '1 day' END) AS ends
    FROM market.instruments AS n
    -- As gap monitors count, but for a first candle that none has counted yet: that is :since.
    CROSS JOIN LATERAL (SELECT coalesce(n.listed_at, n.data_from, :since) AS since) AS life
    CROSS JOIN days AS d
    JOIN market.sessions AS s
        ON s.calendar = n.calendar
        -- By the key, which has the dates: hours are never a week from their date.
        AND s.session_date >= (d.starts AT TIME ZONE 'UTC')::date - CASE WHEN :'by_session'::boolean THEN 0 ELSE 7 END
        AND s.session_date < CASE WHEN :'by_session'::boolean
            THEN ((d.starts AT TIME ZONE 'UTC') + :'width'::interval)::date
            ELSE (d.starts AT TIME ZONE 'UTC')::date + 8
        END
    CROSS JOIN LATERAL (SELECT lower(part), upper(part) FROM unnest(s.open_hours) AS part) AS open (starts, ends)
    WHERE n.instrument_id = :instrument
), expected AS (
    SELECT
        bucket AS time,
        -- Minutes that start inside: an opening in the middle of a minute expects the next one.
        sum(
            ceil(date_part('epoch', least(o.ends, each.ends)) / 60)
            - ceil(date_part('epoch', greatest(o.starts, each.starts)) / 60)
        )::bigint AS minutes
    FROM openings AS o
    CROSS JOIN LATERAL generate_series(
        CASE WHEN :'by_session'::boolean THEN o.day ELSE date_bin(:'width'::interval, o.starts, '2000-01-01 00:00Z') END,
        CASE WHEN :'by_session'::boolean THEN o.day ELSE o.ends - INTERVAL '1 microsecond' END,
        :'width'::interval
    ) AS bucket
    CROSS JOIN LATERAL (
        -- Of session dates it is all there is.
        SELECT
            CASE WHEN NOT :'by_session'::boolean THEN bucket END AS starts,
            CASE WHEN NOT :'by_session'::boolean THEN bucket + :'width'::interval END AS ends
    ) AS each
    WHERE o.starts < o.ends
    GROUP BY bucket
)
SELECT
    c.time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(c.turnover, c.volume) AS vwap,
    c.trades, c.minutes, coalesce(e.minutes, 0) AS expected,
    c.partial_minutes > 0 OR c.time >= :first_open AS partial,
    c.time < :first_open AS closed, false AS filled, market.source_names(c.sources) AS sources,
    c.price_eligible, NULL::integer AS revision, NULL::bigint AS version, NULL::text AS source
FROM page AS c
LEFT JOIN expected AS e USING (time)
ORDER BY c.time;
