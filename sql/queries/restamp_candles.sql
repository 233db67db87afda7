-- Stamps anew the candles of a calendar's instruments over a stretch of days: session date, and whether extended.
-- The rule is the one of upsert_candles. Only candles whose stamp changes are written; their content does not change,
-- so neither does their revision.
WITH minutes AS (
    SELECT
        c.instrument_id, c.time, regular.session_date IS NULL AS extended,
        coalesce(regular.session_date, (c.time AT TIME ZONE calendar.time_zone)::date) AS session_date
    FROM market.calendars AS calendar
    JOIN market.instruments AS n USING (calendar)
    JOIN market.candles AS c USING (instrument_id)
    LEFT JOIN LATERAL (
        SELECT s.*
        FROM market.sessions AS s
        WHERE s.calendar = calendar.calendar AND s.opens_at <= c.time
        ORDER BY s.opens_at DESC LIMIT 1
    ) AS regular
        ON c.time <= regular.closes_at
        AND (c.time < regular.break_starts_at OR c.time >= regular.break_ends_at) IS NOT FALSE
    WHERE calendar.calendar = :'calendar'
        -- A day either side: a session may begin the evening before, and time zones reach 14 hours.
        AND c.time >= :'changed_from'::date - INTERVAL '2 days' AND c.time < :'changed_to'::date + INTERVAL '2 days'
)
UPDATE market.candles AS stored
SET session_date = minutes.session_date, extended = minutes.extended, updated_at = now()
FROM minutes
WHERE stored.instrument_id = minutes.instrument_id AND stored.time = minutes.time
    AND (stored.session_date, stored.extended) IS DISTINCT FROM (minutes.session_date, minutes.extended);
