-- Keeps what feeds did, second by second.
INSERT INTO market.feed_minutes AS known (feed, bucket, seconds)
SELECT feed, bucket, seconds FROM graded_feed_minutes
ON CONFLICT (feed, bucket) DO UPDATE SET seconds = excluded.seconds WHERE known.seconds <> excluded.seconds;
