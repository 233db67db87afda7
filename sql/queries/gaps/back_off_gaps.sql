-- Gaps before :ends that are still open after a vendor was asked about them: kept in view, and asked about again after 1, 2,
-- 4 … 64 days. One that was not asked about whole, since the run was cut short, only notes what was asked, and the next run
-- continues there; one that continues beyond :ends keeps its reason, which is about minutes nobody was asked about.
-- Arrays of equal length: gaps' instruments, the stretches asked about, what the vendor said.
WITH tried AS (
    SELECT
        g.gap_id, n.calendar, coalesce(string_agg(DISTINCT asked.said, '; '), g.evidence ->> 'said') AS said,
        coalesce((g.evidence ->> 'asked')::tstzmultirange, '{}')
            + coalesce(range_agg(tstzrange(asked.starts, asked.ends)) FILTER (WHERE asked.said IS NOT NULL), '{}') AS stretches,
        tstzmultirange(tstzrange(g.starts, least(g.ends, :'ends'::timestamptz))) AS due
    FROM market.gaps AS g
    JOIN market.instruments AS n USING (instrument_id)
    LEFT JOIN unnest(
        :'instrument_ids'::integer[], :'asked_starts'::timestamptz[], :'asked_ends'::timestamptz[], :'said'::text[]
    ) AS asked (instrument_id, starts, ends, said)
        ON asked.instrument_id = g.instrument_id AND asked.starts < g.ends AND asked.ends > g.starts
    WHERE g.dataset = :'dataset' AND g.healed_at IS NULL AND g.reason <> 'unaggregated' AND g.starts < :'ends'::timestamptz
        AND (g.next_attempt_at <= :'at'::timestamptz) IS NOT FALSE
        -- What earlier runs asked about may be all that is left of a gap.
        AND (asked.said IS NOT NULL OR g.evidence ? 'asked')
    GROUP BY g.gap_id, n.calendar
), judged AS (
    SELECT tried.*, NOT EXISTS (
        SELECT FROM unnest(tried.due - tried.stretches) AS unasked (stretch)
        CROSS JOIN LATERAL market.expected_stretches(:'dataset', lower(unasked.stretch), upper(unasked.stretch)) AS s
        WHERE s.calendar = tried.calendar
    ) AS whole
    FROM tried
)
UPDATE market.gaps AS g
SET
    reason = CASE WHEN j.whole AND g.ends <= :'ends'::timestamptz THEN 'unhealable' ELSE g.reason END,
    evidence = g.evidence - 'asked' || jsonb_build_object('vendor', :'vendor'::text, 'said', j.said)
        || CASE WHEN j.whole THEN '{}' ELSE jsonb_build_object('asked', j.stretches::text) END,
    attempts = g.attempts + j.whole::integer,
    next_attempt_at = CASE
        WHEN j.whole THEN :'at'::timestamptz + INTERVAL '1 day' * power(2, least(g.attempts, 6))
        ELSE g.next_attempt_at
    END
FROM judged AS j
WHERE g.gap_id = j.gap_id
RETURNING j.whole;
