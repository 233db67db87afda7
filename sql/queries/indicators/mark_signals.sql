-- Leaves marks for rules of signals, where any sees the timeframe: stretches of instruments, given as arrays, whose candles of it,
-- or indicators of them, changed; without a timeframe, the minutes themselves. Which :by_session days, weeks or months changed
-- hours lie in (from :first_hours to :last_hours), sessions say; where they know of none, the stretch stays. Minutes are marked for
-- the ends of all signals too, even those that no rule raised.
INSERT INTO market.signal_marks (dataset, timeframe, starts, ends, instrument_ids)
SELECT :'dataset', :'timeframe'::text, starts, ends, array_agg(instrument_id ORDER BY instrument_id)
FROM (
    SELECT
        m.instrument_id, m.ends,
        CASE WHEN :'by_session'::boolean THEN greatest(m.starts, coalesce(
            (
                SELECT date_trunc(:'unit', min(s.session_date)::timestamp) AT TIME ZONE 'UTC'
                FROM market.instruments AS n JOIN market.sessions AS s USING (calendar)
                WHERE n.instrument_id = m.instrument_id AND s.closes_at + INTERVAL '1 minute' > m.first_hour
                    AND s.opens_at < m.last_hour + INTERVAL '1 hour' AND s.opens_at > m.first_hour - INTERVAL '7 days'
            ),
            m.starts
        )) ELSE m.starts END AS starts
    FROM unnest(
        :'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[], :'first_hours'::timestamptz[],
        :'last_hours'::timestamptz[]
    ) AS m (instrument_id, starts, ends, first_hour, last_hour)
) AS changed
WHERE starts < ends AND (
    EXISTS (
        SELECT FROM market.signal_rules AS r WHERE :'timeframe'::text IS NULL OR :'dataset' || ' ' || :'timeframe'::text = ANY (r.sees)
    )
    OR :'timeframe'::text IS NULL AND EXISTS (SELECT FROM market.signals)
)
GROUP BY starts, ends;
