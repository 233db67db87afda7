-- Materializes what changed of an aggregate's whole buckets in a window. Not inside a transaction.
CALL refresh_continuous_aggregate(
    :'aggregate'::regclass, :'starts'::timestamptz, :'ends'::timestamptz,
    -- All at once: since 2.28 it would commit ten buckets at a time, the newest first, and readers would miss the others
    -- meanwhile. Earlier versions know no such option, and pass it over.
    options => '{"buckets_per_batch": 0}'
);
