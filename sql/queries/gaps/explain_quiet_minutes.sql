-- Writes down what a vendor said by saying nothing: it has candles of the day that begins at :day, but none in these stretches
-- of these gaps (arrays of equal length) where none is stored now. Such rows are history at once; they keep the silence explained.
INSERT INTO market.gaps (
    dataset, instrument_id, starts, ends, minutes, reason, evidence, found_at, healed_at, healed_from, attempts
)
SELECT
    g.dataset, g.instrument_id, expected.starts, expected.ends, expected.minutes, 'no_trades', :'evidence'::jsonb,
    g.found_at, :'at'::timestamptz, 'no_trades', g.attempts + 1
FROM unnest(:'gap_ids'::bigint[], :'starts'::timestamptz[], :'ends'::timestamptz[]) AS asked (gap_id, starts, ends)
JOIN market.gaps AS g ON g.gap_id = asked.gap_id AND g.healed_at IS NULL
JOIN market.instruments AS n USING (instrument_id)
CROSS JOIN LATERAL (
    -- A partial candle was traded in: the vendor's silence explains nothing there.
    SELECT coalesce(range_agg(tstzrange(c.time, c.time + INTERVAL '1 minute')), '{}') AS minutes
    FROM market.candles AS c
    WHERE c.instrument_id = g.instrument_id AND c.time >= asked.starts AND c.time < asked.ends
        -- Said again as constants, so that chunks are excluded while planning.
        AND c.time >= :'day'::timestamptz AND c.time < :'day'::timestamptz + INTERVAL '1 day'
) AS traded
CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(asked.starts, asked.ends)) - traded.minutes) AS quiet (stretch)
CROSS JOIN LATERAL (
    SELECT
        min(s.starts) AS starts, max(s.ends) AS ends,
        coalesce(sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts)), 0)::integer AS minutes
    FROM market.expected_stretches(lower(quiet.stretch), upper(quiet.stretch)) AS s
    WHERE s.calendar = n.calendar
) AS expected
WHERE expected.minutes > 0;
