-- The first :most derived candles of an instrument that start in [starts, ends), or with :backward the newest, in order; those
-- with partial minutes only if :partial_too; closed are those before :first_open. Expected minutes are looked up candle by
-- candle: those of a rarely traded instrument lie far apart. :by_session for days, weeks and months; as in
-- psql -v relation=candles_1w -v by_session=true -v width='7 days' -v first_open=2026-03-09 ...
WITH page AS MATERIALIZED (
    (
        SELECT * FROM market.:"relation"
        WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
            AND (:'partial_too'::boolean OR partial_minutes = 0)
        ORDER BY time LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT * FROM market.:"relation"
        WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
            AND (:'partial_too'::boolean OR partial_minutes = 0)
        ORDER BY time DESC LIMIT :'most'::bigint
    )
), life AS MATERIALIZED (
    SELECT
        calendar, delisted_at,
        -- As gap monitors count, but for a first candle that none has counted yet: that is :since.
        coalesce(listed_at, data_from, :'since'::timestamptz) AS since
    FROM market.instruments WHERE instrument_id = :'instrument_id'::integer
)
SELECT
    c.time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    round(c.turnover / nullif(c.volume, 0), 10) AS vwap,
    c.trades, c.minutes, coalesce(e.minutes, 0) AS expected,
    c.partial_minutes > 0 OR c.time >= :'first_open'::timestamptz AS partial,
    c.time < :'first_open'::timestamptz AS closed, false AS filled, market.source_names(c.sources) AS sources,
    c.price_eligible, NULL::integer AS revision, NULL::bigint AS version, NULL::text AS source
FROM page AS c
CROSS JOIN life AS n
CROSS JOIN LATERAL (
    SELECT
        -- Minutes that start inside: an opening in the middle of a minute expects the next one.
        sum(
            greatest(ceil(date_part('epoch', stretch.ends) / 60) - ceil(date_part('epoch', stretch.starts) / 60), 0)
        )::bigint AS minutes
    FROM market.sessions AS s
    CROSS JOIN LATERAL (
        VALUES (s.opens_at, coalesce(s.break_starts_at, s.closes_at)), (s.break_ends_at, s.closes_at)
    ) AS open (starts, ends)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, n.since, CASE WHEN NOT :'by_session'::boolean THEN c.time END) AS starts,
            least(open.ends, n.delisted_at, CASE WHEN NOT :'by_session'::boolean THEN c.time + :'width'::interval END) AS ends
    ) AS stretch
    WHERE s.calendar = n.calendar AND open.starts IS NOT NULL
        AND CASE WHEN :'by_session'::boolean
            THEN s.session_date >= (c.time AT TIME ZONE 'UTC')::date
                AND s.session_date < ((c.time AT TIME ZONE 'UTC') + :'width'::interval)::date
            -- Hours are never a week long.
            ELSE s.opens_at < c.time + :'width'::interval AND s.opens_at > c.time - INTERVAL '7 days' AND s.closes_at > c.time
        END
) AS e
ORDER BY c.time;
