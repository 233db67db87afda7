-- Whoever says that a feed is live says that it sends from now on, where it never did.
UPDATE market.instruments SET live_since = date_bin('1 hour', :'at'::timestamptz, '2000-01-01 00:00Z')
WHERE feed = :'feed' AND feed IN (SELECT feed FROM market.imported_feeds);
