CREATE OR REPLACE FUNCTION market.hour_coverage(of_dataset text, cadence bit, window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (
    instrument_id integer, session_date date, hour timestamptz, expected bit(60), present bit(60), open bit(60), judged bit(60)
) LANGUAGE sql STABLE AS $$
    -- Rows are expected from an instrument's listing, or else its first known data, up to its last.
    SELECT
        n.instrument_id, s.session_date, s.hour, e.minutes, coalesce(h.complete & e.minutes, 0::bit(60)),
        coalesce(
            (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, g.starts), market.minute_of(s.hour, g.ends)))
                FROM market.gaps AS g
                WHERE g.dataset = of_dataset AND g.instrument_id = n.instrument_id AND g.healed_at IS NULL
                    AND g.starts < s.ends AND g.ends > s.starts
            ) & e.minutes & ~coalesce(h.complete, 0::bit(60)),
            0::bit(60)
        ),
        CASE
            WHEN j.stretches @> tstzrange(s.starts, s.ends) THEN e.minutes
            WHEN j.stretches && tstzrange(s.starts, s.ends) THEN (
                SELECT bit_or(market.minute_mask(market.minute_of(s.hour, lower(part)), market.minute_of(s.hour, upper(part))))
                FROM unnest(j.stretches * tstzmultirange(tstzrange(s.starts, s.ends))) AS part
            ) & e.minutes
            ELSE 0::bit(60)
        END
    FROM market.instruments AS n
    LEFT JOIN market.known_data AS k ON k.dataset = of_dataset AND k.instrument_id = n.instrument_id
    CROSS JOIN LATERAL (SELECT coalesce(greatest(k.data_from, n.listed_at), n.data_from) AS since) AS life
    JOIN market.expected_stretches(of_dataset, window_starts, window_ends) AS s
        ON s.calendar = n.calendar
        AND s.ends > life.since AND (s.starts < n.delisted_at) IS NOT FALSE
    CROSS JOIN LATERAL (
        SELECT market.minute_mask(
            market.minute_of(s.hour, greatest(s.starts, life.since)),
            market.minute_of(s.hour, least(s.ends, n.delisted_at))
        ) & cadence AS minutes
    ) AS e
    LEFT JOIN market.candle_hours AS h
        ON h.dataset = of_dataset AND h.instrument_id = n.instrument_id AND h.hour = s.hour
        AND h.hour > window_starts - INTERVAL '1 hour' AND h.hour < window_ends
    CROSS JOIN LATERAL (
        SELECT range_agg(known.stretches) AS stretches
        FROM market.judged_stretches AS known
        WHERE known.dataset = of_dataset AND known.instrument_id = n.instrument_id
    ) AS j
    -- market.instruments describes what is made of ticks; nothing else is expected before its first row.
    WHERE k.data_from IS NOT NULL OR (SELECT of_dataset IN (SELECT market.made_of('ticks')))
$$;
COMMENT ON FUNCTION market.hour_coverage(text, bit, timestamptz, timestamptz) IS 'Of a data set, whose rows are expected in the minutes of an hour that its cadence names: expected, present, open and judged minutes of each instrument and hour; silence that is judged and not open is explained.';

-- For what is built on it: the view of coverage keeps its rights only if it need not be dropped.
CREATE OR REPLACE FUNCTION market.hour_coverage(window_starts timestamptz, window_ends timestamptz)
RETURNS TABLE (
    instrument_id integer, session_date date, hour timestamptz, expected bit(60), present bit(60), open bit(60), judged bit(60)
) LANGUAGE sql STABLE AS $$
    SELECT * FROM market.hour_coverage('candles', (-1)::bigint::bit(60), window_starts, window_ends)
$$;
COMMENT ON FUNCTION market.hour_coverage(timestamptz, timestamptz) IS 'Of candles: expected, present, open and judged minutes of each instrument and hour.';
