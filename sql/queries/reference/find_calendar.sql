-- A calendar, if it has been filled.
SELECT calendar, time_zone, known_from, known_to FROM market.calendars WHERE calendar = :'calendar';
