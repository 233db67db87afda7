DROP VIEW market.coverage;
DROP FUNCTION market.hour_coverage(timestamptz, timestamptz);

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

-- Default privileges know no difference between a table and a view.
REVOKE INSERT, UPDATE, DELETE ON market.coverage FROM chandlery_writer;

COMMENT ON TABLE market.scans IS 'The stretch each gap monitor has looked through: silence inside is judged, silence outside is not.';
COMMENT ON COLUMN market.gaps.healed_from IS 'The sources of the candles that stand there now; no_trades where the silence has been explained since; not_expected where the calendar was corrected.';

DROP TRIGGER forget_judged_updated ON market.candle_hours;
DROP TRIGGER forget_judged_inserted ON market.candle_hours;
DROP FUNCTION market.forget_judged_hours();
DROP FUNCTION market.minutes_around(timestamptz, bit);
DROP FUNCTION market.forget_judged(integer[], timestamptz[], timestamptz[]);
DROP TRIGGER forget_judged_updated ON market.sessions;
DROP TRIGGER forget_judged_inserted ON market.sessions;
DROP FUNCTION market.forget_judged_sessions();
DROP VIEW market.judged_stretches;
DROP TABLE market.judged;
DROP TABLE market.reaches;
