-- The gaps as the ledger shall hold them: the runs found, and what open rows hold outside the window that was scanned, which
-- is not ours to judge. Runs of one reason with no expected minute in between become one. A run inside an open row of which
-- a vendor could not tell stays unhealable.
CREATE TEMPORARY TABLE found_gaps ON COMMIT DROP AS
WITH kept AS (
    SELECT
        known.instrument_id, inside.starts, inside.ends, inside.minutes, known.reason, known.evidence,
        -- All that is expected between such a row and the window belongs to it: it ends where the window's places begin.
        CASE WHEN outside.is_before THEN 0 ELSE coalesce(edge.beyond_place, 0) END AS edge
    FROM known_gaps AS known
    CROSS JOIN LATERAL (
        VALUES
            (true, known.starts, least(known.ends, :'starts'::timestamptz)),
            (false, greatest(known.starts, :'ends'::timestamptz), known.ends)
    ) AS outside (is_before, starts, ends)
    CROSS JOIN LATERAL (
        -- From the first expected minute to the last.
        SELECT
            min(s.hour + (position(B'1' IN expected.minutes) - 1) * INTERVAL '1 minute') AS starts,
            max(s.hour + length(rtrim(expected.minutes::text, '0')) * INTERVAL '1 minute') AS ends,
            sum(bit_count(expected.minutes))::integer AS minutes
        FROM market.expected_stretches(:'dataset', outside.starts, outside.ends) AS s
        CROSS JOIN LATERAL (
            SELECT
                market.minute_mask(market.minute_of(s.hour, s.starts), market.minute_of(s.hour, s.ends)) & :'cadence'::bit(60) AS minutes
        ) AS expected
        WHERE s.calendar = known.calendar AND bit_count(expected.minutes) > 0
    ) AS inside
    LEFT JOIN (
        SELECT calendar, max(place + bit_count(minutes)) AS beyond_place FROM stretches GROUP BY calendar
    ) AS edge USING (calendar)
    WHERE outside.starts < outside.ends AND inside.minutes > 0
), runs AS (
    SELECT
        *,
        (lag(reason) OVER follows = reason AND lag(beyond_place) OVER follows = place) IS NOT TRUE AS begins
    FROM (
        SELECT
            r.instrument_id, r.starts, r.ends, r.minutes, r.place, r.beyond_place,
            CASE WHEN known.untold THEN known.reason ELSE r.reason END AS reason,
            CASE WHEN known.untold THEN known.evidence ELSE r.evidence END AS evidence
        FROM gap_runs AS r
        LEFT JOIN LATERAL (
            -- Open gaps never overlap: only the last that begins by then can hold the run.
            SELECT g.reason, g.evidence, g.reason = 'unhealable' AND g.ends >= r.ends AS untold
            FROM known_gaps AS g
            WHERE g.instrument_id = r.instrument_id AND g.starts <= r.starts
            ORDER BY g.starts DESC
            LIMIT 1
        ) AS known ON true
        UNION ALL
        SELECT instrument_id, starts, ends, minutes, edge, edge, reason, evidence FROM kept
    ) AS both_kinds
    WINDOW follows AS (PARTITION BY instrument_id ORDER BY starts)
), grouped AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY instrument_id ORDER BY starts) AS run FROM runs
)
SELECT
    instrument_id, min(starts) AS starts, max(ends) AS ends, sum(minutes)::integer AS minutes, min(reason) AS reason,
    (array_agg(evidence ORDER BY starts DESC))[1] AS evidence
FROM grouped
GROUP BY instrument_id, run;
