CREATE OR REPLACE FUNCTION market.known_at(of_calendar text, starts timestamptz, width interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (
            -- The minute that starts at the close belongs to it, but where the next session opens then.
            SELECT max(s.closes_at) + CASE WHEN max(s.closes_at) = b.ends THEN INTERVAL '0' ELSE INTERVAL '1 minute' END
            FROM market.sessions AS s
            WHERE s.calendar = of_calendar
                AND s.session_date >= (starts AT TIME ZONE 'UTC')::date AND s.session_date < (b.ends AT TIME ZONE 'UTC')::date
        ),
        b.ends
    )
    FROM (SELECT (starts AT TIME ZONE 'UTC' + width) AT TIME ZONE 'UTC' AS ends) AS b
$$;
COMMENT ON FUNCTION market.known_at IS 'When a bucket of sessions can be known: once the last of them has closed, the closing auction included; where no session is known, at its end by the clock.';
