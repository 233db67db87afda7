-- Keeps what feeds did, second by second. A minute that is known so already is not touched: ON CONFLICT alone would lock its
-- row, which writes to it.
INSERT INTO market.feed_minutes (feed, bucket, seconds)
SELECT feed, bucket, seconds FROM graded_feed_minutes WHERE changed
ON CONFLICT (feed, bucket) DO UPDATE SET seconds = excluded.seconds;
