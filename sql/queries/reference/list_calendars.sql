-- Each calendar that is stored: the days it knows, those of them that an operator imported (null: none), its sessions, and how
-- many instruments go by it.
SELECT
    c.calendar, c.time_zone, c.known_from, c.known_to,
    (
        SELECT string_agg(concat_ws(' to ', lower(days), nullif(upper(days) - 1, lower(days))), ', ' ORDER BY lower(days))
        FROM unnest(c.imported) AS days
    ) AS imported,
    (SELECT count(*) FROM market.sessions AS s WHERE s.calendar = c.calendar) AS sessions,
    (SELECT count(*) FROM market.instruments AS n WHERE n.calendar = c.calendar) AS instruments
FROM market.calendars AS c
ORDER BY c.calendar;
