-- Rows and minutes of the ledger by reason, open and healed apart; of the same rows as list_gaps, without its limit.
SELECT g.reason::text AS reason, g.healed_at IS NOT NULL AS healed, count(*) AS gaps, sum(g.minutes)::bigint AS minutes
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.dataset = :'dataset' AND :'feed' IN ('', n.feed)
    AND (:'instrument_key' = '' OR g.instrument_id IN (SELECT market.instruments_of(:'dataset', :'instrument_key')))
    AND (cardinality(:'reasons'::text[]) = 0 OR g.reason = ANY (:'reasons'::market.gap_reason[]))
    AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
    AND (:'healed'::boolean OR g.healed_at IS NULL)
GROUP BY g.reason, healed
ORDER BY healed, g.reason;
