-- Functions with their owner's rights are for the triggers there are. Any role that may create a temporary table could put one
-- on it, and leave marks of what is in there. Firing a trigger takes no right.
DO $$
DECLARE
    theirs regprocedure;
BEGIN
    FOR theirs IN
        SELECT oid FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND prosecdef
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', theirs);
    END LOOP;
END
$$;

-- A message about an unknown key names those with the same symbol: quickly, however many instruments there are.
CREATE INDEX instruments_symbol ON market.instruments ((upper(split_part(instrument_key, '@', 2)) COLLATE "C"));

-- A calendar FX from before is an operator's own: no library had one of that name until `sessions sync` began to fill it. Its
-- sessions differ from those that it fills: one each 24 hours from Sunday 17:00 to Friday 17:00 in New York.
WITH known AS (
    SELECT
        least(c.known_from, min(s.session_date)) AS first,
        greatest(c.known_to, max(s.session_date)) AS last
    FROM market.calendars AS c
    JOIN market.sessions AS s USING (calendar)
    WHERE c.calendar = 'FX' AND isempty(c.imported)
    GROUP BY c.calendar
), library AS (
    SELECT
        day::date AS session_date,
        (day - INTERVAL '7 hours') AT TIME ZONE 'America/New_York' AS opens_at,
        (day + INTERVAL '17 hours') AT TIME ZONE 'America/New_York' AS closes_at,
        '{}'::tstzmultirange AS breaks
    FROM known
    CROSS JOIN generate_series(known.first::timestamp, known.last::timestamp, INTERVAL '1 day') AS day
    WHERE extract(isodow FROM day) < 6 AND to_char(day, 'MM-DD') NOT IN ('01-01', '12-25')
)
UPDATE market.calendars AS c
SET imported = datemultirange(daterange(known.first, known.last, '[]'))
FROM known
WHERE c.calendar = 'FX' AND EXISTS (
    SELECT
    FROM library AS l
    FULL JOIN (SELECT * FROM market.sessions WHERE calendar = 'FX') AS s
        ON (s.session_date, s.opens_at, s.closes_at, s.breaks) = (l.session_date, l.opens_at, l.closes_at, l.breaks)
    WHERE l.session_date IS NULL OR s.session_date IS NULL
);
