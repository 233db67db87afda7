-- What to ask a vendor for: the UTC days of the open gaps that end by :ends, whose instruments have a ticker there, and that are
-- not backing off. Whole gaps at a time, the least tried and the newest first, about :days days in all.
WITH due AS (
    SELECT
        g.gap_id, g.instrument_id, n.calendar, g.attempts, g.starts, g.ends, t.ticker,
        sum((g.ends - INTERVAL '1 microsecond')::date - g.starts::date + 1) OVER (ORDER BY g.attempts, g.starts DESC, g.gap_id)
            AS days_so_far
    FROM market.gaps AS g
    JOIN market.instruments AS n USING (instrument_id)
    JOIN market.tickers AS t ON t.instrument_id = g.instrument_id AND t.vendor = :'vendor'
    WHERE g.healed_at IS NULL AND g.reason <> 'unaggregated'
        AND g.ends <= :'ends'::timestamptz AND (g.next_attempt_at <= :'at'::timestamptz) IS NOT FALSE
)
SELECT
    instrument_id, ticker, day.starts AS day,
    array_agg(gap_id ORDER BY gap_id) AS gap_ids,
    array_agg(due.starts ORDER BY gap_id) AS starts,
    array_agg(due.ends ORDER BY gap_id) AS ends
FROM due
CROSS JOIN LATERAL generate_series(
    date_trunc('day', due.starts), due.ends - INTERVAL '1 microsecond', INTERVAL '1 day'
) AS day (starts)
WHERE (days_so_far <= :'days'::bigint OR gap_id = (SELECT gap_id FROM due ORDER BY attempts, starts DESC, gap_id LIMIT 1))
    -- A gap may reach over a weekend.
    AND EXISTS (
        SELECT FROM market.sessions AS s
        WHERE s.calendar = due.calendar AND s.opens_at < day.starts + INTERVAL '1 day' AND s.closes_at > day.starts
    )
GROUP BY instrument_id, ticker, day.starts
ORDER BY min(attempts), day.starts DESC, instrument_id;
