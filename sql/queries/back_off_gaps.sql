-- Open gaps that a vendor was asked about and could not fill: kept in view, and asked about again after 1, 2, 4 … 64 days.
-- Arrays of equal length: instruments, the stretch asked about, what the vendor said.
UPDATE market.gaps AS g
SET
    reason = 'unhealable',
    evidence = g.evidence || asked.evidence,
    attempts = g.attempts + 1,
    next_attempt_at = :'at'::timestamptz + INTERVAL '1 day' * least(power(2, g.attempts), 64)
FROM unnest(
    :'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[], :'evidences'::jsonb[]
) AS asked (instrument_id, starts, ends, evidence)
WHERE g.healed_at IS NULL AND g.reason <> 'unaggregated'
    AND g.instrument_id = asked.instrument_id AND g.starts >= asked.starts AND g.ends <= asked.ends
    AND (g.next_attempt_at <= :'at'::timestamptz) IS NOT FALSE;
