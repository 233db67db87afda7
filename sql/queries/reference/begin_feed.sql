-- A feed that is said to be live is expected to send from now on, if it never has.
UPDATE market.instruments SET live_since = date_bin('1 hour', :'at'::timestamptz, '2000-01-01 00:00Z')
WHERE feed = :'feed' AND feed IN (SELECT feed FROM market.imported_feeds);
