CREATE OR REPLACE FUNCTION market.forget_between(lower timestamptz, upper timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- What tells of candles goes along with them. What is dropped is neither missing nor to be asked for.
    DELETE FROM market.marks WHERE dataset = 'candles' AND work = 'count' AND hour >= lower AND hour < upper;
    DELETE FROM market.feed_minutes WHERE bucket >= lower AND bucket < upper;
    DELETE FROM market.gaps WHERE dataset = 'candles' AND healed_at IS NULL AND starts >= lower AND ends <= upper;
    UPDATE market.gaps AS g
    SET starts = CASE WHEN g.starts >= lower THEN upper ELSE g.starts END,
        ends = CASE WHEN g.ends <= upper THEN lower ELSE g.ends END,
        minutes = greatest(g.minutes - (
            SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer
            FROM market.expected_stretches(greatest(g.starts, lower), least(g.ends, upper)) AS s
            JOIN market.instruments AS n USING (calendar)
            WHERE n.instrument_id = g.instrument_id
        ), 1)
    WHERE g.dataset = 'candles' AND g.healed_at IS NULL AND g.starts < upper AND g.ends > lower;
END
$$;
COMMENT ON FUNCTION market.forget_between IS 'Forgets what is known about candles that are dropped: marks, feeds'' minutes, open gaps. A gap that reaches further keeps the rest.';
