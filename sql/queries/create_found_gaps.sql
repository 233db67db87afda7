-- The gaps as the ledger shall hold them: the runs found, and what open rows hold outside the window that was scanned, which
-- is not ours to judge. Runs of one reason that touch become one.
CREATE TEMPORARY TABLE found_gaps ON COMMIT DROP AS
WITH kept AS (
    SELECT g.instrument_id, g.reason, g.evidence, outside.starts, outside.ends
    FROM market.gaps AS g
    CROSS JOIN LATERAL (
        VALUES (g.starts, least(g.ends, :'starts'::timestamptz)), (greatest(g.starts, :'ends'::timestamptz), g.ends)
    ) AS outside (starts, ends)
    WHERE g.healed_at IS NULL AND g.instrument_id BETWEEN :'first'::integer AND :'last'::integer
        AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
        AND outside.starts < outside.ends
), counted AS (
    SELECT kept.*, (
        SELECT sum(market.minute_of(s.hour, s.ends) - market.minute_of(s.hour, s.starts))::integer
        FROM market.instruments AS n
        JOIN market.expected_stretches(kept.starts, kept.ends) AS s USING (calendar)
        WHERE n.instrument_id = kept.instrument_id
    ) AS minutes
    FROM kept
), runs AS (
    SELECT
        *,
        lag(ends) OVER follows IS DISTINCT FROM starts OR lag(reason) OVER follows IS DISTINCT FROM reason AS begins
    FROM (
        SELECT instrument_id, starts, ends, minutes, reason, evidence FROM gap_runs
        UNION ALL
        SELECT instrument_id, starts, ends, minutes, reason, evidence FROM counted WHERE minutes > 0
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
