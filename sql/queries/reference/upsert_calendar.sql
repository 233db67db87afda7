-- Registers a calendar, and says what is known of it then; :days_kept are those that an operator imported before, and that
-- :origin (library, operator, taken back, forgotten) does not change. The stretch its sessions are known for only grows, but
-- where days are forgotten. While any day is imported, the time zone stays the operator's as well.
INSERT INTO market.calendars AS known (calendar, time_zone, known_from, known_to, imported)
SELECT
    :'calendar', :'time_zone', :'known_from'::date, :'known_to'::date,
    CASE WHEN :'origin' = 'operator'
        THEN datemultirange(daterange(:'known_from'::date, :'known_to'::date, '[]')) ELSE '{}' END
ON CONFLICT (calendar) DO UPDATE SET
    (time_zone, known_from, known_to, imported) = (
        SELECT
            CASE WHEN :'origin' = 'operator' OR isempty(is_now.imported) THEN excluded.time_zone ELSE known.time_zone END,
            CASE WHEN :'origin' = 'forgotten' THEN least(lower(is_now.imported), rest.first)
                ELSE least(known.known_from, excluded.known_from) END,
            CASE WHEN :'origin' = 'forgotten' THEN greatest(upper(is_now.imported) - 1, rest.last)
                ELSE greatest(known.known_to, excluded.known_to) END,
            is_now.imported
        FROM (SELECT datemultirange(daterange(:'known_from'::date, :'known_to'::date, '[]')) AS days) AS given
        CROSS JOIN LATERAL (
            SELECT CASE :'origin'
                WHEN 'library' THEN known.imported
                WHEN 'operator' THEN known.imported + given.days
                ELSE known.imported - given.days
            END AS imported
        ) AS is_now
        CROSS JOIN LATERAL (
            SELECT min(session_date) AS first, max(session_date) AS last FROM market.sessions AS s
            WHERE s.calendar = known.calendar AND NOT given.days @> session_date
        ) AS rest
    )
RETURNING
    time_zone, known_from, known_to,
    CASE WHEN :'origin' = 'operator' THEN '{}'
        ELSE imported * datemultirange(daterange(:'known_from'::date, :'known_to'::date, '[]')) END AS days_kept;
