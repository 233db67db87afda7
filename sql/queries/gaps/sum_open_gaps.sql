-- Per data set and feed: open gaps that began before :at, their minutes, the first one's start and the key of its instrument. From
-- the index of the open ones alone: what was healed since is not looked through.
SELECT g.dataset, n.feed, count(*) AS gaps, sum(g.minutes)::bigint AS minutes, min(g.starts) AS oldest,
    first(n.instrument_key, g.starts) AS oldest_key
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.dataset = ANY (:'datasets'::text[]) AND g.healed_at IS NULL AND g.starts < :'at'::timestamptz
GROUP BY g.dataset, n.feed
ORDER BY g.dataset, n.feed;
