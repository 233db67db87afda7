-- The gaps as the ledger shall hold them: the runs found, and what open rows hold outside the window that was scanned, which
-- is not ours to judge. Runs of one reason with no expected minute in between become one. A run inside an open row of which
-- a vendor could not tell stays unhealable.
CREATE TEMPORARY TABLE found_gaps ON COMMIT DROP AS
WITH kept AS (
    SELECT known.instrument_id, inside.starts, inside.ends, inside.minutes, known.reason, known.evidence
    FROM known_gaps AS known
    CROSS JOIN LATERAL (
        VALUES (known.starts, least(known.ends, :'starts'::timestamptz)), (greatest(known.starts, :'ends'::timestamptz), known.ends)
    ) AS outside (starts, ends)
    CROSS JOIN LATERAL (
        -- From the first expected minute to the last.
        SELECT
            min(s.hour + number.first * INTERVAL '1 minute') AS starts, max(s.hour + number.beyond * INTERVAL '1 minute') AS ends,
            sum(number.beyond - number.first)::integer AS minutes
        FROM market.expected_stretches(outside.starts, outside.ends) AS s
        CROSS JOIN LATERAL (
            SELECT market.minute_of(s.hour, s.starts) AS first, market.minute_of(s.hour, s.ends) AS beyond
        ) AS number
        WHERE s.calendar = known.calendar AND number.first < number.beyond
    ) AS inside
    WHERE outside.starts < outside.ends AND inside.minutes > 0
), ordered AS (
    SELECT
        *, lag(ends) OVER follows AS before, lag(reason) OVER follows IS NOT DISTINCT FROM reason AS is_alike,
        is_kept OR lag(is_kept) OVER follows AS at_edge
    FROM (
        SELECT
            r.instrument_id, r.starts, r.ends, r.minutes, coalesce(untold.reason, r.reason) AS reason,
            coalesce(untold.evidence, r.evidence) AS evidence, false AS is_kept
        FROM gap_runs AS r
        LEFT JOIN known_gaps AS untold
            ON untold.instrument_id = r.instrument_id AND untold.reason = 'unhealable'
            AND untold.starts <= r.starts AND untold.ends >= r.ends
        UNION ALL
        SELECT instrument_id, starts, ends, minutes, reason, evidence, true FROM kept
    ) AS both_kinds
    WINDOW follows AS (PARTITION BY instrument_id ORDER BY starts)
), runs AS (
    SELECT *, CASE
        WHEN NOT is_alike THEN true
        WHEN before = starts THEN false
        -- The market may have been closed in between; of runs inside the window that is known, unless their reasons were
        -- others before the vendor was asked.
        WHEN at_edge OR reason = 'unhealable' THEN EXISTS (
            SELECT
            FROM market.instruments AS n
            JOIN market.expected_stretches(ordered.before, ordered.starts) AS s USING (calendar)
            WHERE n.instrument_id = ordered.instrument_id
                AND market.minute_of(s.hour, s.starts) < market.minute_of(s.hour, s.ends)
        )
        ELSE true
    END AS begins
    FROM ordered
), grouped AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY instrument_id ORDER BY starts) AS run FROM runs
)
SELECT
    instrument_id, min(starts) AS starts, max(ends) AS ends, sum(minutes)::integer AS minutes, min(reason) AS reason,
    (array_agg(evidence ORDER BY starts DESC))[1] AS evidence
FROM grouped
GROUP BY instrument_id, run;
