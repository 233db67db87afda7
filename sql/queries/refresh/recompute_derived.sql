-- Computes the materialised buckets of a window again by plain SQL, for a dry run.
SELECT market.recompute_derived(:'aggregate', :'starts'::timestamptz, :'ends'::timestamptz);
