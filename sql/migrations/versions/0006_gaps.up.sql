-- The ledger of gaps, what has been looked through, and coverage.

CREATE TYPE market.gap_reason AS ENUM ('unaggregated', 'no_trades', 'instrument_silent', 'feed_down', 'unhealable');

CREATE TABLE market.gaps (
    gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    minutes integer NOT NULL CHECK (minutes > 0),
    reason market.gap_reason NOT NULL,
    evidence jsonb NOT NULL DEFAULT '{}',
    found_at timestamptz NOT NULL,
    healed_at timestamptz,
    healed_from text,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz,
    CHECK (starts < ends),
    CHECK ((healed_at IS NULL) = (healed_from IS NULL)),
    -- Silence that is explained is no gap: such a row can only be history.
    CHECK (healed_at IS NOT NULL OR reason <> 'no_trades'),
    -- As boxes in the plane of instruments and seconds, the last second included: these are compared as plain numbers, and kept
    -- twice as fast as ranges.
    CONSTRAINT gaps_open_never_overlap EXCLUDE USING gist (
        box(
            point(instrument_id, date_part('epoch', starts - '2000-01-01 00:00Z'::timestamptz)),
            point(instrument_id, date_part('epoch', ends - '2000-01-01 00:00Z'::timestamptz) - 1)
        ) WITH &&
    ) WHERE (healed_at IS NULL) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX gaps_instrument_id_starts_idx ON market.gaps (instrument_id, starts);
CREATE INDEX gaps_open_idx ON market.gaps (instrument_id, starts) WHERE healed_at IS NULL;
COMMENT ON TABLE market.gaps IS 'Runs of adjacent expected minutes without a complete candle, of one reason. Open while healed_at is null; healed rows are history.';
COMMENT ON COLUMN market.gaps.minutes IS 'Expected minutes in [starts, ends): closed hours in between do not count.';
COMMENT ON COLUMN market.gaps.healed_from IS 'The sources of the candles that stand there now; no_trades where the silence has been explained since; not_expected where the calendar was corrected.';
COMMENT ON COLUMN market.gaps.next_attempt_at IS 'Not before then is the vendor asked again.';

CREATE TABLE market.scans (
    component text PRIMARY KEY,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    resume_at timestamptz,
    CHECK (starts < ends)
);
COMMENT ON TABLE market.scans IS 'The stretch each gap monitor has looked through: silence inside is judged, silence outside is not.';
COMMENT ON COLUMN market.scans.resume_at IS 'Where a scan that ran out of time goes on; null when it came to its end.';

CREATE TABLE market.tickers (
    instrument_id integer NOT NULL REFERENCES market.instruments ON DELETE CASCADE,
    vendor text NOT NULL CHECK (vendor <> ''),
    ticker text NOT NULL CHECK (ticker <> ''),
    PRIMARY KEY (instrument_id, vendor)
);
COMMENT ON TABLE market.tickers IS 'What a vendor calls an instrument.';

CREATE FUNCTION market.minute_mask(first integer, beyond integer) RETURNS bit LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((-1)::bigint::bit(60) >> greatest(first, 0)) & ~((-1)::bigint::bit(60) >> greatest(least(beyond, 60), 0));
COMMENT ON FUNCTION market.minute_mask IS 'The minutes [first, beyond) of an hour, as sixty bits.';

CREATE FUNCTION market.minute_of(hour timestamptz, moment timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN moment <= hour THEN 0
    -- However far away, as in delisted_at = 9999-12-31: only the hour matters.
    WHEN moment = 'infinity' THEN 60
    WHEN moment - hour >= INTERVAL '1 hour' THEN 60
    ELSE ceil(extract(epoch FROM moment - hour) / 60)::integer
END;
COMMENT ON FUNCTION market.minute_of IS 'The number, 0 to 60, of the first minute of an hour that starts at a moment or after it.';

CREATE FUNCTION market.trade_rate(trades numeric, present bigint, minutes bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN trades IS NOT NULL THEN trades::double precision / greatest(minutes, 60)
    WHEN present >= greatest(minutes, 60) THEN 'Infinity'
    ELSE -ln(1 - present::double precision / greatest(minutes, 60))
END;
COMMENT ON FUNCTION market.trade_rate IS 'Trades a minute. Where candles do not tell their trades, the Poisson rate at which so many of the minutes have any. An hour at least counts as watched: one trade right after a listing says little.';

CREATE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
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
$$;
COMMENT ON FUNCTION market.expected_stretches IS 'When candles are expected, by calendar: one row per contiguous stretch inside an hour.';

CREATE FUNCTION market.hour_coverage(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (
    instrument_id integer, session_date date, hour timestamptz, expected bit(60), present bit(60), open bit(60), judged boolean
) LANGUAGE sql STABLE AS $$
    -- Candles are expected from an instrument's listing, or else its first known data, up to its last.
    SELECT
        n.instrument_id, s.session_date, s.hour, e.minutes, coalesce(h.complete & e.minutes, 0::bit(60)),
        coalesce(
            (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends)))
                FROM market.gaps AS g
                WHERE g.instrument_id = n.instrument_id AND g.healed_at IS NULL AND g.starts < s.ends AND g.ends > s.starts
            ) & e.minutes & ~coalesce(h.complete, 0::bit(60)),
            0::bit(60)
        ),
        EXISTS (SELECT FROM market.scans AS scan WHERE scan.starts <= s.starts AND scan.ends >= s.ends)
    FROM market.instruments AS n
    JOIN market.expected_stretches(window_starts, window_ends) AS s
        ON s.calendar = n.calendar
        AND s.ends > coalesce(n.listed_at, n.data_from) AND (s.starts < n.delisted_at) IS NOT FALSE
    CROSS JOIN LATERAL (
        SELECT market.minute_mask(
            market.minute_of(s.hour, greatest(s.starts, coalesce(n.listed_at, n.data_from))),
            market.minute_of(s.hour, least(s.ends, n.delisted_at))
        ) AS minutes
    ) AS e
    LEFT JOIN market.candle_hours AS h
        ON h.instrument_id = n.instrument_id AND h.hour = s.hour
        AND h.hour > window_starts - INTERVAL '1 hour' AND h.hour < window_ends
$$;
COMMENT ON FUNCTION market.hour_coverage IS 'Expected, present and open minutes of each instrument and hour; silence that is judged and not open is explained.';

CREATE VIEW market.open_gaps AS
SELECT
    g.gap_id, n.instrument_key, n.feed, g.starts, g.ends, g.minutes, g.reason, g.evidence, g.found_at, g.attempts, g.next_attempt_at
FROM market.gaps AS g JOIN market.instruments AS n USING (instrument_id)
WHERE g.healed_at IS NULL;
COMMENT ON VIEW market.open_gaps IS 'What is missing and not explained.';

CREATE VIEW market.coverage AS
SELECT
    *,
    expected - present - explained AS missing,
    round((present + explained)::numeric / expected, 6) AS coverage
FROM (
    SELECT
        n.instrument_key, n.feed, c.session_date,
        sum(bit_count(c.expected)) AS expected,
        sum(bit_count(c.present)) AS present,
        coalesce(sum(bit_count(c.expected & ~c.present & ~c.open)) FILTER (WHERE c.judged), 0) AS explained
    FROM market.hour_coverage(
        '-infinity', (SELECT max(ends) FROM market.scans)
    ) AS c
    JOIN market.instruments AS n USING (instrument_id)
    WHERE bit_count(c.expected) > 0
    GROUP BY n.instrument_key, n.feed, c.session_date
) AS day;
COMMENT ON VIEW market.coverage IS 'Per instrument and session date, up to the last minute a gap monitor has judged: (present + explained) / expected. Unjudged silence is not explained.';
