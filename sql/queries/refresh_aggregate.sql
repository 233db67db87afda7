-- Materializes what changed of an aggregate's whole buckets in a window. Not inside a transaction.
CALL refresh_continuous_aggregate(:'aggregate'::regclass, :'starts'::timestamptz, :'ends'::timestamptz);
