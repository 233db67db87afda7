-- Registers a calendar; the stretch its sessions are known for only grows.
INSERT INTO market.calendars AS known (calendar, time_zone, known_from, known_to)
VALUES (:'calendar', :'time_zone', :'known_from'::date, :'known_to'::date)
ON CONFLICT (calendar) DO UPDATE SET
    time_zone = excluded.time_zone,
    known_from = least(known.known_from, excluded.known_from),
    known_to = greatest(known.known_to, excluded.known_to);
