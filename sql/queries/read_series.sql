-- An instrument's candles of a timeframe as arrays in the order of time: the newest :most that start in [starts, ends), up to
-- :before earlier ones, and with :whole_sessions what is earlier of the first one's session date, or of the date before it too.
-- Times are in seconds, days in days since 1970; a day is the one of the calendar's time zone, of which the hours of sessions
-- are exceptions. wanted is how many candles start at or after "starts"; without a start (-infinity), :most has the earlier ones
-- too. Null turnover is NaN. Earlier than :floor nothing is looked for.
WITH other AS (
    -- Minutes have the one column, derived candles the other: what a relation lacks is found here.
    SELECT 0 AS partial_minutes, false AS partial
), wanted AS MATERIALIZED (
    SELECT c.* FROM other CROSS JOIN LATERAL (
        SELECT time, open, high, low, close, volume, turnover, partial OR partial_minutes > 0 AS gap
        FROM market.:"relation"
        WHERE instrument_id = :'instrument_id'::integer AND time < :'ends'::timestamptz AND time >= :'starts'::timestamptz
            AND time >= :'floor'::timestamptz
        ORDER BY time DESC LIMIT :'most'::bigint
    ) AS c
), ahead AS MATERIALIZED (
    SELECT c.* FROM other CROSS JOIN LATERAL (
        SELECT time, open, high, low, close, volume, turnover, partial OR partial_minutes > 0 AS gap
        FROM market.:"relation"
        WHERE instrument_id = :'instrument_id'::integer AND :'before'::bigint > 0 AND time >= :'floor'::timestamptz
            AND time < :'starts'::timestamptz
        ORDER BY time DESC LIMIT :'before'::bigint
    ) AS c
), zone AS MATERIALIZED (
    SELECT n.calendar, c.time_zone FROM market.instruments AS n JOIN market.calendars AS c USING (calendar)
    WHERE n.instrument_id = :'instrument_id'::integer
), first AS MATERIALIZED (
    SELECT least((SELECT min(time) FROM ahead), (SELECT min(time) FROM wanted)) AS time
), first_day AS MATERIALIZED (
    -- The date of the session that is open, or closes, at the first candle; else that of the calendar's time zone.
    SELECT coalesce(
        (
            SELECT s.session_date FROM market.sessions AS s
            WHERE s.calendar = z.calendar AND s.opens_at < f.time + :'width'::interval AND s.closes_at >= f.time
                AND s.opens_at > f.time - INTERVAL '7 days'
            ORDER BY s.opens_at DESC LIMIT 1
        ),
        (f.time AT TIME ZONE z.time_zone)::date
    ) AS session_date
    FROM first AS f CROSS JOIN zone AS z
), whole_from AS MATERIALIZED (
    SELECT least(
        each.session_date::timestamp AT TIME ZONE z.time_zone,
        (SELECT opens_at FROM market.sessions AS s WHERE s.calendar = z.calendar AND s.session_date = each.session_date)
    ) AS time
    FROM zone AS z
    CROSS JOIN first_day AS f
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN :'whole_sessions'::integer < 2 THEN f.session_date
            ELSE coalesce(
                (
                    SELECT max(s.session_date) FROM market.sessions AS s
                    WHERE s.calendar = z.calendar AND s.session_date < f.session_date
                ),
                f.session_date - 1
            )
        END AS session_date
    ) AS each
), rest AS (
    SELECT c.* FROM other CROSS JOIN LATERAL (
        SELECT time, open, high, low, close, volume, turnover, partial OR partial_minutes > 0 AS gap
        FROM market.:"relation"
        WHERE instrument_id = :'instrument_id'::integer AND :'whole_sessions'::integer > 0
            AND time < (SELECT time FROM first) AND time >= (SELECT time FROM whole_from)
    ) AS c
)
SELECT
    array_agg(extract(epoch FROM time)::bigint) AS times,
    array_agg(open::double precision) AS opens,
    array_agg(high::double precision) AS highs,
    array_agg(low::double precision) AS lows,
    array_agg(close::double precision) AS closes,
    array_agg(volume::double precision) AS volumes,
    array_agg(coalesce(turnover, 'NaN')::double precision) AS turnovers,
    array_agg(gap) AS partial,
    array_agg((time AT TIME ZONE (SELECT time_zone FROM zone))::date - '1970-01-01'::date) AS days,
    count(*) FILTER (WHERE is_wanted) AS wanted,
    (
        SELECT array_agg(ARRAY[
            extract(epoch FROM s.opens_at)::bigint, extract(epoch FROM s.closes_at)::bigint, s.session_date - '1970-01-01'::date
        ] ORDER BY s.opens_at)
        FROM zone AS z JOIN market.sessions AS s USING (calendar)
        WHERE s.opens_at < :'ends'::timestamptz + :'width'::interval
            AND s.opens_at > least((SELECT time FROM first), (SELECT time FROM whole_from)) - INTERVAL '7 days'
    ) AS sessions
FROM (
    SELECT * FROM (
        SELECT *, true AS is_wanted FROM wanted
        UNION ALL SELECT *, false FROM ahead
        UNION ALL SELECT *, false FROM rest
    ) AS parts
    ORDER BY time
) AS ordered
HAVING count(*) > 0;
