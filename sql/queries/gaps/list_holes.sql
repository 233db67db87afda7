-- Runs of an instrument's expected minutes without a complete candle, each of one state and one reason. Hours that are whole
-- are passed over: their minutes are never spelled out.
WITH hours AS MATERIALIZED (
    SELECT c.session_date, c.hour, c.expected, c.present, c.open, c.judged
    FROM market.hour_coverage(:'dataset', :'cadence'::bit(60), :'starts'::timestamptz, :'ends'::timestamptz) AS c
    WHERE c.instrument_id = :'instrument_id'::integer AND c.expected & ~c.present <> 0::bit(60)
),
minutes AS (
    SELECT h.session_date, place.minute,
        CASE
            WHEN get_bit(p.partial, n.number) = 1 THEN 'partial'
            WHEN get_bit(h.open, n.number) = 1 THEN 'missing'
            WHEN get_bit(h.judged, n.number) = 1 THEN 'explained'
            ELSE 'not_judged'
        END AS state,
        CASE WHEN get_bit(h.open, n.number) = 1 THEN g.reason END AS reason
    FROM hours AS h
    CROSS JOIN generate_series(0, 59) AS n (number)
    CROSS JOIN LATERAL (SELECT h.hour + n.number * INTERVAL '1 minute' AS minute) AS place
    LEFT JOIN market.candle_hours AS p
        ON p.dataset = :'dataset' AND p.instrument_id = :'instrument_id'::integer AND p.hour = h.hour
    LEFT JOIN market.gaps AS g
        ON g.dataset = :'dataset' AND g.instrument_id = :'instrument_id'::integer AND g.healed_at IS NULL
        AND g.starts <= place.minute AND g.ends > place.minute
    WHERE get_bit(h.expected & ~h.present, n.number) = 1
),
numbered AS (
    -- Minutes of one run differ from their number by the same.
    SELECT *, minute - row_number() OVER (PARTITION BY session_date, state, reason ORDER BY minute) * INTERVAL '1 minute' AS run
    FROM minutes
)
SELECT session_date, min(minute) AS starts, max(minute) + INTERVAL '1 minute' AS ends, state, reason::text AS reason
FROM numbered
GROUP BY session_date, state, reason, run
ORDER BY starts;
