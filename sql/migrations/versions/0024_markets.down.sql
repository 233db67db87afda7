-- A price below zero would be refused by the bounds that come back: say so before anything is changed.
DO $$
BEGIN
    IF EXISTS (SELECT FROM market.ticks WHERE price < 0) OR EXISTS (SELECT FROM market.candles WHERE low < 0) THEN
        RAISE check_violation USING
            MESSAGE = 'there are prices below zero, which the schema before 0024 cannot hold',
            HINT = 'remove those instruments first: chandlery instruments remove KEY --with-data';
    END IF;
END
$$;

DROP TRIGGER refuse_negative_inserted ON market.ticks;
DROP TRIGGER refuse_negative_updated ON market.ticks;
DROP TRIGGER refuse_negative_inserted ON market.candles;
DROP TRIGGER refuse_negative_updated ON market.candles;
DROP FUNCTION market.refuse_negative_price();
ALTER TABLE market.ticks DROP CONSTRAINT ticks_price_check;
ALTER TABLE market.ticks ADD CONSTRAINT ticks_price_check CHECK (price >= 0 AND price < 'Infinity') NOT VALID;
ALTER TABLE market.candles DROP CONSTRAINT candles_low_check;
ALTER TABLE market.candles ADD CONSTRAINT candles_low_check CHECK (low >= 0) NOT VALID;
ALTER TABLE market.candles DROP CONSTRAINT candles_turnover_check;
ALTER TABLE market.candles ADD CONSTRAINT candles_turnover_check
    CHECK (turnover >= 0 AND turnover < 'Infinity') NOT VALID;
ALTER TABLE market.instruments DROP COLUMN allow_negative;
ALTER TABLE market.calendars DROP COLUMN imported;

ALTER TABLE market.sessions DROP CONSTRAINT sessions_breaks_check;
ALTER TABLE market.sessions DROP COLUMN open_hours, ADD COLUMN break_ends_at timestamptz;
ALTER TABLE market.sessions RENAME COLUMN breaks TO break_starts_at;
COMMENT ON COLUMN market.sessions.break_starts_at IS NULL;
ALTER TABLE market.sessions ALTER COLUMN break_starts_at DROP DEFAULT, ALTER COLUMN break_starts_at DROP NOT NULL;
-- The first break: it ends where what lies between the breaks begins, or with the only one.
ALTER TABLE market.sessions
    ALTER COLUMN break_ends_at TYPE timestamptz USING
        coalesce(lower(tstzmultirange(range_merge(break_starts_at)) - break_starts_at), upper(break_starts_at)),
    ALTER COLUMN break_starts_at TYPE timestamptz USING lower(break_starts_at);
ALTER TABLE market.sessions
    ADD CONSTRAINT sessions_check1 CHECK ((break_starts_at IS NULL) = (break_ends_at IS NULL)),
    ADD CONSTRAINT sessions_check2 CHECK (
        break_starts_at > opens_at AND break_starts_at < break_ends_at AND break_ends_at < closes_at
    );

CREATE OR REPLACE FUNCTION market.session_stamp(calendar_name text, minute timestamptz)
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

CREATE OR REPLACE FUNCTION market.is_expected(calendar_name text, minute timestamptz) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM market.sessions AS s
        WHERE s.calendar = calendar_name AND s.opens_at <= minute AND s.closes_at > minute
            AND (minute < s.break_starts_at OR minute >= s.break_ends_at) IS NOT FALSE
    )
$$;

CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    -- Open hours, breaks left out, cut at each full hour: so that a stretch is some minutes of one hour.
    SELECT s.calendar, s.session_date, tick.hour, stretch.starts, stretch.ends
    FROM market.sessions AS s
    CROSS JOIN LATERAL (
        VALUES (s.opens_at, coalesce(s.break_starts_at, s.closes_at)), (s.break_ends_at, s.closes_at)
    ) AS open (starts, ends)
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', greatest(open.starts, window_starts), '2000-01-01 00:00Z'),
        least(open.ends, window_ends) - INTERVAL '1 microsecond',
        INTERVAL '1 hour'
    ) AS tick (hour)
    CROSS JOIN LATERAL (
        SELECT
            greatest(open.starts, tick.hour, window_starts) AS starts,
            least(open.ends, tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts AND open.starts IS NOT NULL
        -- A window that begins or ends in a break.
        AND stretch.starts < stretch.ends
        -- Chunks are whole days: an hour is dropped or it is not. Read once, not for each hour.
        AND NOT tick.hour <@ (SELECT market.dropped('candles'))
$$;
