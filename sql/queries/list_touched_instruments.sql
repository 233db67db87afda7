-- The instruments whose buckets a piece of work has touched.
SELECT DISTINCT instrument_id FROM touched_buckets;
