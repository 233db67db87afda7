-- Stamps anew the candles of a calendar's instruments over a stretch of days: session date, and whether extended.
-- Only candles whose stamp changes are written; their content does not change,
-- so neither does their revision.
WITH minutes AS (
    SELECT c.instrument_id, c.time, stamp.session_date, stamp.extended
    FROM market.instruments AS n
    JOIN market.candles AS c USING (instrument_id)
    CROSS JOIN LATERAL market.session_stamp(n.calendar, c.time) AS stamp
    WHERE n.calendar = :'calendar'
        -- A day either side: a session may begin the evening before, and time zones reach 14 hours.
        AND c.time >= :'changed_from'::date - INTERVAL '2 days' AND c.time < :'changed_to'::date + INTERVAL '2 days'
)
UPDATE market.candles AS stored
SET session_date = minutes.session_date, extended = minutes.extended, updated_at = now()
FROM minutes
WHERE stored.instrument_id = minutes.instrument_id AND stored.time = minutes.time
    AND (stored.session_date, stored.extended) IS DISTINCT FROM (minutes.session_date, minutes.extended);
