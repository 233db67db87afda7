-- Adds a calendar's sessions that are not there yet: arrays of equal length.
INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at, break_starts_at, break_ends_at)
SELECT :'calendar', given.*
FROM unnest(
    :'session_dates'::date[], :'opens_at'::timestamptz[], :'closes_at'::timestamptz[],
    :'break_starts_at'::timestamptz[], :'break_ends_at'::timestamptz[]
) AS given
ON CONFLICT (calendar, session_date) DO NOTHING
RETURNING session_date, opens_at, closes_at;
