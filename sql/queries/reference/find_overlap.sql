-- The first two sessions of a calendar that overlap, a week around a stretch of days: those of one source do not, those of
-- another may reach into them.
SELECT session_date, next_date
FROM (
    SELECT session_date, closes_at, lead(session_date) OVER days AS next_date, lead(opens_at) OVER days AS next_opens_at
    FROM market.sessions
    WHERE calendar = :'calendar' AND session_date BETWEEN :'known_from'::date - 7 AND :'known_to'::date + 7
    WINDOW days AS (ORDER BY session_date)
) AS pairs
WHERE next_opens_at < closes_at
ORDER BY session_date
LIMIT 1;
