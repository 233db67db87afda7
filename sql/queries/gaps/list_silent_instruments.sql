-- Instruments that are silent right now though their feed lives: they have an open gap, in any of some data sets, that reaches up
-- to :ends. The longest first.
SELECT n.instrument_key
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.dataset = ANY (:'datasets'::text[]) AND g.healed_at IS NULL AND g.reason = 'instrument_silent'
    AND g.ends >= :'ends'::timestamptz
GROUP BY n.instrument_key
ORDER BY min(g.starts), n.instrument_key
LIMIT :'instruments'::bigint;
