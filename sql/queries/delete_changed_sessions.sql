-- Clears, of a stretch of days (both ends included), the sessions that are not among the given ones: arrays of equal length.
DELETE FROM market.sessions AS stored
WHERE calendar = :'calendar' AND session_date BETWEEN :'known_from'::date AND :'known_to'::date
    AND NOT EXISTS (
        SELECT
        FROM unnest(
            :'session_dates'::date[], :'opens_at'::timestamptz[], :'closes_at'::timestamptz[],
            :'break_starts_at'::timestamptz[], :'break_ends_at'::timestamptz[]
        ) AS given (session_date, opens_at, closes_at, break_starts_at, break_ends_at)
        WHERE given.session_date = stored.session_date AND given.opens_at = stored.opens_at
            AND given.closes_at = stored.closes_at
            AND given.break_starts_at IS NOT DISTINCT FROM stored.break_starts_at
            AND given.break_ends_at IS NOT DISTINCT FROM stored.break_ends_at
    )
RETURNING session_date, opens_at, closes_at;
