CREATE OR REPLACE FUNCTION market.expected_stretches(of_dataset text, window_starts timestamptz, window_ends timestamptz)
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
        AND NOT tick.hour <@ (SELECT market.dropped(of_dataset))
$$;
COMMENT ON FUNCTION market.expected_stretches(text, timestamptz, timestamptz) IS 'When rows of a data set are expected, by calendar: one row per contiguous stretch inside an hour.';

-- For what knows candles alone: vendors, and code of revision 0032.
CREATE OR REPLACE FUNCTION market.expected_stretches(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (calendar text, session_date date, hour timestamptz, starts timestamptz, ends timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT * FROM market.expected_stretches('candles', window_starts, window_ends)
$$;
COMMENT ON FUNCTION market.expected_stretches(timestamptz, timestamptz) IS 'When candles are expected, by calendar: one row per contiguous stretch inside an hour.';
