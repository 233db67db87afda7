-- Copies the materialised buckets of a stretch whose minutes are no longer kept.
SELECT market.copy_derived(:'aggregate', :'given', :'taken', :'starts'::timestamptz, :'ends'::timestamptz);
