-- Writes down what a vendor said by saying nothing: it has candles of that day, but none of these minutes of these gaps. Such
-- rows are history at once; they keep the silence explained.
INSERT INTO market.gaps (instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from, attempts)
SELECT
    asked.instrument_id, lower(quiet.stretch), upper(quiet.stretch), expected.minutes, 'no_trades', :'evidence'::jsonb,
    asked.found_at, :'at'::timestamptz, 'no_trades', asked.attempts + 1
FROM (
    SELECT
        g.*, n.calendar,
        tstzmultirange(tstzrange(greatest(g.starts, :'starts'::timestamptz), least(g.ends, :'ends'::timestamptz)))
            - (
                SELECT coalesce(range_agg(tstzrange(minute, minute + INTERVAL '1 minute')), '{}')
                FROM (
                    SELECT unnest(:'times'::timestamptz[])
                    UNION ALL
                    -- A partial candle was traded in: the vendor's silence explains nothing there.
                    SELECT c.time FROM market.candles AS c
                    WHERE c.instrument_id = g.instrument_id AND c.partial
                        AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
                ) AS traded (minute)
            ) AS quiet
    FROM market.gaps AS g
    JOIN market.instruments AS n USING (instrument_id)
    WHERE g.gap_id = ANY (:'gap_ids'::bigint[]) AND g.healed_at IS NULL
        AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
) AS asked
CROSS JOIN LATERAL unnest(asked.quiet) AS quiet (stretch)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer AS minutes
    FROM market.expected_stretches(lower(quiet.stretch), upper(quiet.stretch)) AS s
    WHERE s.calendar = asked.calendar
) AS expected
WHERE expected.minutes > 0;
