-- Each calendar that has been filled: the days it knows, its sessions, and how many instruments go by it.
SELECT
    c.calendar, c.time_zone, c.known_from, c.known_to,
    (SELECT count(*) FROM market.sessions AS s WHERE s.calendar = c.calendar) AS sessions,
    (SELECT count(*) FROM market.instruments AS n WHERE n.calendar = c.calendar) AS instruments
FROM market.calendars AS c
ORDER BY c.calendar;
