-- Calendars in use that know no sessions at all, or none 30 days after :at: their minutes will not be expected, nor missed.
SELECT calendar, max(s.closes_at) AS last_close
FROM market.calendars
LEFT JOIN market.sessions AS s USING (calendar)
WHERE calendar IN (SELECT calendar FROM market.instruments)
GROUP BY calendar
HAVING (max(s.closes_at) > :'at'::timestamptz + INTERVAL '30 days') IS NOT TRUE
ORDER BY calendar;
