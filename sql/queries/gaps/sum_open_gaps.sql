-- Per feed: open gaps that began before :at, their minutes, the first one's start. From the index of the open ones alone: what
-- was healed since is not looked through.
SELECT n.feed, count(*) AS gaps, sum(g.minutes)::bigint AS minutes, min(g.starts) AS oldest
FROM market.gaps AS g
JOIN market.instruments AS n USING (instrument_id)
WHERE g.dataset = :'dataset' AND g.healed_at IS NULL AND g.starts < :'at'::timestamptz
GROUP BY n.feed
ORDER BY n.feed;
