CREATE OR REPLACE FUNCTION market.forget_between(of_dataset text, lower timestamptz, upper timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- What describes rows goes along with them. What is dropped is neither missing nor to be asked for.
    DELETE FROM market.marks WHERE dataset = of_dataset AND work IN ('count', 'beat') AND hour >= lower AND hour < upper;
    -- Which minutes of feeds are known was found by folding their ticks.
    IF of_dataset IN (SELECT market.made_of('ticks')) THEN
        DELETE FROM market.feed_minutes WHERE bucket >= lower AND bucket < upper;
    END IF;
    DELETE FROM market.gaps WHERE dataset = of_dataset AND healed_at IS NULL AND starts >= lower AND ends <= upper;
    UPDATE market.gaps AS g
    SET starts = CASE WHEN g.starts >= lower THEN upper ELSE g.starts END,
        ends = CASE WHEN g.ends <= upper THEN lower ELSE g.ends END,
        -- All open minutes: of a slower cadence that is too many, until the next look counts what is left.
        minutes = greatest(g.minutes - (
            SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer
            FROM market.expected_stretches(of_dataset, greatest(g.starts, lower), least(g.ends, upper)) AS s
            JOIN market.instruments AS n USING (calendar)
            WHERE n.instrument_id = g.instrument_id
        ), 1)
    WHERE g.dataset = of_dataset AND g.healed_at IS NULL AND g.starts < upper AND g.ends > lower;
END
$$;
COMMENT ON FUNCTION market.forget_between IS 'Forgets what is known about a data set''s rows that are dropped: marks, open gaps, feeds'' minutes. A gap that reaches further keeps the rest.';
