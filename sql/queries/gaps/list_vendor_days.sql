-- What to ask a vendor for: the UTC days of open gaps before :ends, of instruments that have a ticker there, that are not backing
-- off; without the stretches that an interrupted run has asked about. The least tried and the newest first, at most :days of
-- the :days_due there are; the arrays list the stretches of each day, and whose gap each is.
SELECT
    instrument_id, ticker, allow_negative, day.starts AS day, count(*) OVER () AS days_due,
    array_agg(gap_id ORDER BY part.starts) AS gap_ids,
    array_agg(part.starts ORDER BY part.starts) AS starts,
    array_agg(part.ends ORDER BY part.starts) AS ends
FROM (
    SELECT
        g.gap_id, g.instrument_id, n.calendar, n.allow_negative, g.attempts, t.ticker,
        tstzmultirange(tstzrange(g.starts, least(g.ends, :'ends'::timestamptz)))
            - coalesce((g.evidence ->> 'asked')::tstzmultirange, '{}') AS unasked
    FROM market.gaps AS g
    JOIN market.instruments AS n USING (instrument_id)
    JOIN market.tickers AS t ON t.instrument_id = g.instrument_id AND t.vendor = :'vendor'
    WHERE g.dataset = :'dataset' AND g.healed_at IS NULL AND g.reason <> 'unaggregated'
        AND g.starts < :'ends'::timestamptz AND (g.next_attempt_at <= :'at'::timestamptz) IS NOT FALSE
) AS due
CROSS JOIN LATERAL unnest(due.unasked) AS unasked (stretch)
CROSS JOIN LATERAL generate_series(
    date_trunc('day', lower(unasked.stretch)), upper(unasked.stretch) - INTERVAL '1 microsecond', INTERVAL '1 day'
) AS day (starts)
CROSS JOIN LATERAL (
    SELECT
        greatest(lower(unasked.stretch), day.starts) AS starts,
        least(upper(unasked.stretch), day.starts + INTERVAL '1 day') AS ends
) AS part
-- A gap may reach over a weekend.
WHERE EXISTS (
    SELECT FROM market.sessions AS s
    WHERE s.calendar = due.calendar AND s.opens_at < part.ends AND s.closes_at > part.starts
)
GROUP BY instrument_id, ticker, allow_negative, day.starts
ORDER BY min(attempts), day.starts DESC, instrument_id
LIMIT :'days'::bigint;
