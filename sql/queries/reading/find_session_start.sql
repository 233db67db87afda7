-- Where the session date begins that a bucket of :width belongs to: at its midnight in the calendar's time zone, or the evening
-- before where its session opens then.
WITH zone AS MATERIALIZED (
    SELECT n.calendar, c.time_zone FROM market.instruments AS n JOIN market.calendars AS c USING (calendar)
    WHERE n.instrument_id = :'instrument_id'::integer
), own AS MATERIALIZED (
    -- The date of the session that is open, or closes, at that time; else that of the calendar's time zone.
    SELECT coalesce(
        (
            SELECT s.session_date FROM market.sessions AS s
            WHERE s.calendar = z.calendar AND s.opens_at < :'time'::timestamptz + :'width'::interval
                AND s.closes_at >= :'time'::timestamptz AND s.opens_at > :'time'::timestamptz - INTERVAL '7 days'
            ORDER BY s.opens_at DESC LIMIT 1
        ),
        (:'time'::timestamptz AT TIME ZONE z.time_zone)::date
    ) AS session_date
    FROM zone AS z
)
SELECT
    least(
        own.session_date::timestamp AT TIME ZONE z.time_zone,
        (SELECT opens_at FROM market.sessions AS s WHERE s.calendar = z.calendar AND s.session_date = own.session_date)
    ) AS starts
FROM zone AS z CROSS JOIN own;
