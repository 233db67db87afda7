-- Clears, of a stretch of days (both ends included) without :days_kept, the sessions that are not among the given ones: arrays
-- of equal length.
DELETE FROM market.sessions AS stored
WHERE calendar = :'calendar' AND session_date BETWEEN :'known_from'::date AND :'known_to'::date
    AND NOT session_date <@ :'days_kept'::datemultirange
    AND NOT EXISTS (
        SELECT
        FROM unnest(
            :'session_dates'::date[], :'opens_at'::timestamptz[], :'closes_at'::timestamptz[],
            :'breaks'::text[]::tstzmultirange[]
        ) AS given (session_date, opens_at, closes_at, breaks)
        WHERE given.session_date = stored.session_date AND given.opens_at = stored.opens_at
            AND given.closes_at = stored.closes_at AND given.breaks = stored.breaks
    )
RETURNING session_date, opens_at, closes_at;
