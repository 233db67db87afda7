-- The newest :most candles of an instrument and a timeframe that start in [starts, ends), null for all of them, as arrays in the
-- order of time. Times are in seconds, days in days since 1970; a day is the one of the calendar's time zone, of which the hours
-- of sessions that may touch a candle are exceptions. Null turnover is NaN.
WITH other AS (
    -- Minutes have the one column, derived candles the other: what a relation lacks is found here.
    SELECT 0 AS partial_minutes, false AS partial
), candles AS MATERIALIZED (
    SELECT c.* FROM other CROSS JOIN LATERAL (
        SELECT time, open, high, low, close, volume, turnover, partial OR partial_minutes > 0 AS gap
        FROM market.:"relation"
        WHERE instrument_id = :'instrument_id'::integer AND time < :'ends'::timestamptz AND time >= :'starts'::timestamptz
        ORDER BY time DESC LIMIT :'most'::bigint
    ) AS c
), zone AS MATERIALIZED (
    SELECT n.calendar, c.time_zone FROM market.instruments AS n JOIN market.calendars AS c USING (calendar)
    WHERE n.instrument_id = :'instrument_id'::integer
), columns AS (
    SELECT
        min(time) AS first, max(time) AS last,
        array_agg(extract(epoch FROM time)::bigint) AS times,
        array_agg(open::double precision) AS opens,
        array_agg(high::double precision) AS highs,
        array_agg(low::double precision) AS lows,
        array_agg(close::double precision) AS closes,
        array_agg(volume::double precision) AS volumes,
        array_agg(coalesce(turnover, 'NaN')::double precision) AS turnovers,
        array_agg(((time AT TIME ZONE (SELECT time_zone FROM zone))::date - '1970-01-01'::date)::bigint) AS days,
        (array_agg(gap))[count(*)] AS last_partial
    FROM (SELECT * FROM candles ORDER BY time) AS ordered
    HAVING count(*) > 0
)
SELECT
    c.times, c.opens, c.highs, c.lows, c.closes, c.volumes, c.turnovers, c.days, c.last_partial,
    hours.opens AS session_opens, hours.closes AS session_closes, hours.days AS session_days
FROM columns AS c
CROSS JOIN zone AS z
CROSS JOIN LATERAL (
    SELECT
        array_agg(extract(epoch FROM s.opens_at)::bigint ORDER BY s.opens_at) AS opens,
        array_agg(extract(epoch FROM s.closes_at)::bigint ORDER BY s.opens_at) AS closes,
        array_agg((s.session_date - '1970-01-01'::date)::bigint ORDER BY s.opens_at) AS days
    FROM market.sessions AS s
    -- Hours are never a week long.
    WHERE s.calendar = z.calendar AND s.opens_at < c.last + :'width'::interval AND s.opens_at > c.first - INTERVAL '7 days'
) AS hours;
