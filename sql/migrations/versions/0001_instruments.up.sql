-- What is traded, and when: instruments, their calendars, the sessions of each calendar.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') THEN
        RAISE EXCEPTION USING
            MESSAGE = 'this server has no TimescaleDB',
            HINT = 'install TimescaleDB (Community edition) on the server, and add it to shared_preload_libraries';
    END IF;
END
$$;

CREATE EXTENSION IF NOT EXISTS timescaledb;

DO $$
BEGIN
    -- The Apache edition has neither continuous aggregates nor the columnstore.
    IF current_setting('timescaledb.license', true) IS DISTINCT FROM 'timescale' THEN
        RAISE EXCEPTION USING
            MESSAGE = 'this TimescaleDB is not the Community edition (timescaledb.license = '
                || coalesce(current_setting('timescaledb.license', true), 'not set') || ')',
            HINT = 'install the Community build and set timescaledb.license = ''timescale''';
    END IF;
END
$$;

CREATE TABLE market.calendars (
    calendar text PRIMARY KEY CHECK (calendar <> ''),
    time_zone text NOT NULL,
    -- The stretch the calendar's source can speak for; a day outside it is not known, rather than closed.
    known_from date,
    known_to date,
    CHECK (known_from <= known_to)
);
COMMENT ON TABLE market.calendars IS 'One row per trading calendar: its time zone, and the days its sessions are known for.';

CREATE TABLE market.sessions (
    calendar text NOT NULL REFERENCES market.calendars ON DELETE CASCADE,
    session_date date NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    break_starts_at timestamptz,
    break_ends_at timestamptz,
    PRIMARY KEY (calendar, session_date),
    UNIQUE (calendar, opens_at),
    CHECK (opens_at < closes_at),
    CHECK ((break_starts_at IS NULL) = (break_ends_at IS NULL)),
    CHECK (break_starts_at > opens_at AND break_starts_at < break_ends_at AND break_ends_at < closes_at)
);
COMMENT ON TABLE market.sessions IS 'A calendar''s regular open hours on one session date; may cross midnight UTC.';

CREATE FUNCTION market.session_stamp(calendar_name text, minute timestamptz)
RETURNS TABLE (session_date date, extended boolean) LANGUAGE sql STABLE AS $$
    -- A session's last regular minute is the one of the closing auction, which starts at the close. Any other minute is
    -- extended, and belongs to its day in the calendar's time zone.
    SELECT
        coalesce(regular.session_date, (minute AT TIME ZONE c.time_zone)::date),
        regular.session_date IS NULL
    FROM market.calendars AS c
    LEFT JOIN LATERAL (
        SELECT s.*
        FROM market.sessions AS s
        WHERE s.calendar = c.calendar AND s.opens_at <= minute
        ORDER BY s.opens_at DESC LIMIT 1
    ) AS regular
        ON minute <= regular.closes_at
        AND (minute < regular.break_starts_at OR minute >= regular.break_ends_at) IS NOT FALSE
    WHERE c.calendar = calendar_name
$$;
COMMENT ON FUNCTION market.session_stamp IS 'The session date of a minute, and whether it lies in extended hours: the one place that says so.';

CREATE TABLE market.instruments (
    instrument_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instrument_key text NOT NULL UNIQUE CHECK (instrument_key ~ '^[^@[:space:]]+@[^@[:space:]]+@[^@[:space:]]+$'),
    calendar text NOT NULL REFERENCES market.calendars,
    feed text NOT NULL CHECK (feed <> '')
);
COMMENT ON TABLE market.instruments IS 'What is traded; instrument_key reads EXCHANGE@SYMBOL@TYPE.';
