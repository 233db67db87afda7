-- Feeds that never sent anything, all of whose data were imported, but for those that somebody said are not live.
SELECT feed FROM market.imported_feeds
WHERE feed NOT IN (SELECT feed FROM market.feeds WHERE NOT live)
ORDER BY feed;
