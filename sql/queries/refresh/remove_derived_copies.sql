-- Leaves one row of each key in a stretch of an aggregate, the best of those there.
SELECT market.remove_copies(relation, bucket, keys, best_first, :'starts'::timestamptz, :'ends'::timestamptz)
FROM market.rollups
WHERE relation = :'aggregate';
