-- An instrument's candles of a timeframe whose buckets are stretches of UTC, in order; as in
-- psql -v relation=candles_15m -v width='15 minutes' -v instrument_id=1 -v starts=2026-03-02 -v ends=2026-03-09
WITH first_stored AS (
    SELECT min(time) AS minute FROM market.candles WHERE instrument_id = :'instrument_id'::integer
), expected AS (
    SELECT
        bucket AS time,
        -- Minutes that start inside: an opening in the middle of a minute expects the next one.
        sum(
            ceil(date_part('epoch', least(stretch.ends, bucket + :'width'::interval)) / 60)
            - ceil(date_part('epoch', greatest(stretch.starts, bucket)) / 60)
        )::bigint AS minutes
    FROM market.instruments AS n
    JOIN market.sessions AS s USING (calendar)
    -- As gap monitors count, but for a first candle that none has counted yet: it is looked up, once.
    CROSS JOIN LATERAL (SELECT coalesce(n.listed_at, n.data_from, (SELECT minute FROM first_stored)) AS since) AS life
    CROSS JOIN LATERAL (SELECT lower(part), upper(part) FROM unnest(s.open_hours) AS part) AS open (starts, ends)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, life.since, :'starts'::timestamptz) AS starts,
            least(open.ends, n.delisted_at, :'ends'::timestamptz + :'width'::interval) AS ends
    ) AS stretch
    CROSS JOIN LATERAL generate_series(
        date_bin(:'width'::interval, stretch.starts, '2000-01-01 00:00Z'),
        stretch.ends - INTERVAL '1 microsecond',
        :'width'::interval
    ) AS bucket
    WHERE n.instrument_id = :'instrument_id'::integer
        -- By the key, which has the dates: hours are never a week from their date.
        AND s.session_date >= (:'starts'::timestamptz - INTERVAL '7 days')::date
        AND s.session_date < (:'ends'::timestamptz + INTERVAL '8 days')::date
    GROUP BY bucket
)
SELECT
    c.time, c.open, c.high, c.low, c.close, c.volume,
    -- numeric / numeric alone keeps as few as 16 significant digits.
    market.average(c.turnover, c.volume) AS vwap,
    c.trades, c.minutes, coalesce(e.minutes, 0) AS expected, market.source_names(c.sources) AS sources, c.price_eligible,
    c.partial_minutes
FROM market.:"relation" AS c
LEFT JOIN expected AS e USING (time)
WHERE c.instrument_id = :'instrument_id'::integer AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
ORDER BY c.time;
