-- A page of instruments by how many minutes are missing of them in a stretch, the most first: open gaps alone say so, and few
-- have any, so that ten thousand instruments take no longer than their list. Contracts of options, thousands of each
-- underlying, and what represents parts of an instrument are listed where a part of their keys is named.
WITH missing AS (
    SELECT g.instrument_id, sum(g.minutes) AS minutes
    FROM market.gaps AS g
    WHERE g.dataset = :'dataset' AND g.healed_at IS NULL
        AND g.starts < :'ends'::timestamptz AND g.ends > :'starts'::timestamptz
    GROUP BY g.instrument_id
)
SELECT n.instrument_id, n.instrument_key AS key, n.calendar, n.feed, coalesce(m.minutes, 0)::bigint AS missing
FROM market.instruments AS n
LEFT JOIN missing AS m USING (instrument_id)
WHERE (:'feed'::text IS NULL OR n.feed = :'feed')
    AND (
        :'part'::text <> ''
        OR NOT EXISTS (SELECT FROM market.option_contracts AS o WHERE o.instrument_id = n.instrument_id)
        AND NOT EXISTS (SELECT FROM market.parts AS p WHERE p.instrument_id = n.instrument_id)
    )
    AND strpos(upper(n.instrument_key), upper(:'part'::text)) > 0
    AND (-coalesce(m.minutes, 0), n.instrument_key) > (-:'after_missing'::bigint, :'after_key'::text)
ORDER BY missing DESC, n.instrument_key
LIMIT :'most'::bigint;
