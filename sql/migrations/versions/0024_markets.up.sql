-- What markets do: prices below zero, several breaks a day; and days of a calendar that an operator corrected.

ALTER TABLE market.instruments ADD COLUMN allow_negative boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN market.instruments.allow_negative IS 'Whether it may trade below zero: a spread, a rate, oil in April 2020.';

-- NOT VALID, since what is stored fulfils a narrower bound: nothing has to be read, columns neither.
ALTER TABLE market.ticks DROP CONSTRAINT ticks_price_check;
ALTER TABLE market.ticks ADD CONSTRAINT ticks_price_check CHECK (price > '-Infinity' AND price < 'Infinity') NOT VALID;
ALTER TABLE market.candles DROP CONSTRAINT candles_low_check;
ALTER TABLE market.candles ADD CONSTRAINT candles_low_check CHECK (low > '-Infinity') NOT VALID;
ALTER TABLE market.candles DROP CONSTRAINT candles_turnover_check;
ALTER TABLE market.candles ADD CONSTRAINT candles_turnover_check
    CHECK (turnover > '-Infinity' AND turnover < 'Infinity') NOT VALID;

CREATE FUNCTION market.refuse_negative_price() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refused text;
BEGIN
    -- Few statements have any: the others are looked through once, and joined with nothing.
    IF TG_ARGV[0] = 'ticks' THEN
        IF EXISTS (SELECT FROM written WHERE price < 0) THEN
            SELECT min(n.instrument_key) INTO refused
            FROM written JOIN market.instruments AS n USING (instrument_id)
            WHERE written.price < 0 AND NOT n.allow_negative;
        END IF;
    ELSIF EXISTS (SELECT FROM written WHERE low < 0) THEN
        SELECT min(n.instrument_key) INTO refused
        FROM written JOIN market.instruments AS n USING (instrument_id)
        WHERE written.low < 0 AND NOT n.allow_negative;
    END IF;
    IF refused IS NOT NULL THEN
        RAISE check_violation USING
            MESSAGE = format('a price of %s is below zero', refused),
            HINT = format('where it may be: chandlery instruments set %s --allow-negative', refused);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION market.refuse_negative_price IS 'Holds every writer to market.instruments.allow_negative.';

CREATE TRIGGER refuse_negative_inserted AFTER INSERT ON market.ticks
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_negative_price('ticks');
CREATE TRIGGER refuse_negative_updated AFTER UPDATE ON market.ticks
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_negative_price('ticks');
CREATE TRIGGER refuse_negative_inserted AFTER INSERT ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_negative_price('candles');
CREATE TRIGGER refuse_negative_updated AFTER UPDATE ON market.candles
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_negative_price('candles');

ALTER TABLE market.calendars ADD COLUMN imported datemultirange NOT NULL DEFAULT '{}';
COMMENT ON COLUMN market.calendars.imported IS 'Days whose sessions an operator imported: no library changes them, nor the time zone while there are any.';

-- By a change of type, which fires no trigger: not one session is another than before.
ALTER TABLE market.sessions DROP CONSTRAINT sessions_check1, DROP CONSTRAINT sessions_check2;
ALTER TABLE market.sessions ALTER COLUMN break_starts_at TYPE tstzmultirange USING CASE
    WHEN break_starts_at IS NULL THEN '{}'::tstzmultirange ELSE tstzmultirange(tstzrange(break_starts_at, break_ends_at))
END;
ALTER TABLE market.sessions RENAME COLUMN break_starts_at TO breaks;
ALTER TABLE market.sessions DROP COLUMN break_ends_at;
ALTER TABLE market.sessions
    ALTER COLUMN breaks SET DEFAULT '{}',
    ALTER COLUMN breaks SET NOT NULL,
    ADD COLUMN open_hours tstzmultirange NOT NULL
        GENERATED ALWAYS AS (tstzmultirange(tstzrange(opens_at, closes_at)) - breaks) STORED,
    ADD CONSTRAINT sessions_breaks_check CHECK (
        tstzmultirange(tstzrange(opens_at, closes_at, '()')) @> breaks AND (upper(breaks) < closes_at) IS NOT FALSE
    );
COMMENT ON COLUMN market.sessions.breaks IS 'Stretches between open and close in which the market rests.';
COMMENT ON COLUMN market.sessions.open_hours IS 'From open to close without the breaks.';

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
        ON minute = regular.closes_at OR regular.open_hours @> minute
    WHERE c.calendar = calendar_name
$$;

CREATE OR REPLACE FUNCTION market.is_expected(calendar_name text, minute timestamptz)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM market.sessions AS s
        WHERE s.calendar = calendar_name AND s.opens_at <= minute AND s.closes_at > minute AND s.open_hours @> minute
    )
$$;

CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    -- Open hours cut at each full hour: so that a stretch is some minutes of one hour.
    SELECT s.calendar, s.session_date, tick.hour, stretch.starts, stretch.ends
    FROM market.sessions AS s
    CROSS JOIN LATERAL unnest(s.open_hours) AS open
    CROSS JOIN LATERAL generate_series(
        date_bin('1 hour', greatest(lower(open), window_starts), '2000-01-01 00:00Z'),
        least(upper(open), window_ends) - INTERVAL '1 microsecond',
        INTERVAL '1 hour'
    ) AS tick (hour)
    CROSS JOIN LATERAL (
        SELECT
            greatest(lower(open), tick.hour, window_starts) AS starts,
            least(upper(open), tick.hour + INTERVAL '1 hour', window_ends) AS ends
    ) AS stretch
    WHERE s.opens_at < window_ends AND s.closes_at > window_starts
        -- A window that begins or ends in a break.
        AND stretch.starts < stretch.ends
        -- Chunks are whole days: an hour is dropped or it is not. Read once, not for each hour.
        AND NOT tick.hour <@ (SELECT market.dropped('candles'))
$$;
