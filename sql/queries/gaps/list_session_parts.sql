-- When a calendar is open between two times, by session date: a row for each part of a session, as a break cuts it.
SELECT s.session_date, lower(part) AS starts, upper(part) AS ends
FROM market.sessions AS s
CROSS JOIN LATERAL unnest(s.open_hours) AS part
WHERE s.calendar = :'calendar' AND upper(part) > :'starts'::timestamptz AND lower(part) < :'ends'::timestamptz
ORDER BY starts;
