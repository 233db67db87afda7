-- Adds a calendar's sessions that are not there yet, but for those of :days_kept: arrays of equal length.
INSERT INTO market.sessions (calendar, session_date, opens_at, closes_at, breaks)
SELECT :'calendar', given.*
FROM unnest(
    :'session_dates'::date[], :'opens_at'::timestamptz[], :'closes_at'::timestamptz[],
    :'breaks'::text[]::tstzmultirange[]
) AS given (session_date, opens_at, closes_at, breaks)
WHERE NOT given.session_date <@ :'days_kept'::datemultirange
ON CONFLICT (calendar, session_date) DO NOTHING
RETURNING session_date, opens_at, closes_at;
