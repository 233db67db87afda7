-- A data set's rows of the ledger that touch [:starts, :ends), the earliest start first, from the one after
-- (:after_starts, :after_id) on, at most :most: of one instrument and its parts, or all (''), one feed or all (''), these reasons
-- or any ('{}'); with :healed, history too.
SELECT
    g.gap_id, n.instrument_key AS key, n.feed, g.starts, g.ends, g.minutes, g.reason::text AS reason, g.found_at,
    g.healed_at, g.healed_from, g.attempts, g.next_attempt_at, g.evidence
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.dataset = :'dataset' AND :'feed' IN ('', n.feed)
    AND (:'instrument_key' = '' OR g.instrument_id IN (SELECT market.instruments_of(:'dataset', :'instrument_key')))
    AND (cardinality(:'reasons'::text[]) = 0 OR g.reason = ANY (:'reasons'::market.gap_reason[]))
    AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
    AND (:'healed'::boolean OR g.healed_at IS NULL)
    AND (g.starts, g.gap_id) > (:'after_starts'::timestamptz, :'after_id'::bigint)
ORDER BY g.starts, g.gap_id
LIMIT :'most'::bigint;
