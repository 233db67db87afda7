-- What calendars know, and when their sessions of :first to :last open first and close last.
SELECT c.calendar, c.known_from, c.known_to, min(s.opens_at) AS opens_at, max(s.closes_at) AS closes_at
FROM market.calendars AS c
LEFT JOIN market.sessions AS s
    ON s.calendar = c.calendar AND s.session_date BETWEEN :'first'::date AND :'last'::date
WHERE c.calendar = ANY (:'calendars'::text[])
GROUP BY c.calendar
ORDER BY c.calendar;
