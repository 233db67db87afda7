-- Which open row each found gap continues: the oldest it overlaps. Where a row has split, its first part keeps the row, and
-- the others inherit when it was found and how often it was tried.
CREATE TEMPORARY TABLE claimed_gaps ON COMMIT DROP AS
SELECT
    f.instrument_id, f.starts, f.ends, f.minutes, known.gap_id, known.found_at, known.attempts, known.next_attempt_at,
    known.gap_id IS NOT NULL AND row_number() OVER (PARTITION BY known.gap_id ORDER BY f.starts) = 1 AS keeps,
    -- Only more of the same could change what a vendor has said.
    CASE WHEN known.unhealable THEN 'unhealable' ELSE f.reason END AS reason,
    CASE WHEN known.unhealable OR known.reason = f.reason THEN known.evidence ELSE f.evidence END AS evidence
FROM found_gaps AS f
LEFT JOIN LATERAL (
    SELECT g.*, g.reason = 'unhealable' AND g.starts <= f.starts AND g.ends >= f.ends AS unhealable
    FROM known_gaps AS g
    WHERE g.instrument_id = f.instrument_id AND g.starts < f.ends AND g.ends > f.starts
        -- Open gaps never overlap: of those that begin before it only the last can reach it.
        AND g.starts >= coalesce((
            SELECT max(b.starts) FROM known_gaps AS b WHERE b.instrument_id = f.instrument_id AND b.starts < f.starts
        ), f.starts)
    ORDER BY g.found_at, g.gap_id
    LIMIT 1
) AS known ON true;
