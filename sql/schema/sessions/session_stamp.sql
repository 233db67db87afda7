CREATE OR REPLACE FUNCTION market.session_stamp(calendar_name text, minute timestamptz)
RETURNS TABLE (session_date date, extended boolean) LANGUAGE sql STABLE AS $$
    -- A session's last regular minute is the one of the closing auction, which starts at the close. Any other minute is
    -- extended, and belongs to its day in the calendar's time zone.
    SELECT
        coalesce(regular.session_date, (minute AT TIME ZONE c.time_zone)::date),
        regular.session_date IS NULL
    FROM market.calendars AS c
    LEFT JOIN LATERAL (
        SELECT s.*
        FROM market.sessions AS s
        WHERE s.calendar = c.calendar AND s.opens_at <= minute
        ORDER BY s.opens_at DESC LIMIT 1
    ) AS regular
        ON minute = regular.closes_at OR regular.open_hours @> minute
    WHERE c.calendar = calendar_name
$$;
COMMENT ON FUNCTION market.session_stamp IS 'The session date of a minute, and whether it lies in extended hours: the one place that says so.';
