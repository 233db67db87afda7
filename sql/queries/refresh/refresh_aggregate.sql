-- Materializes what changed of an aggregate's whole buckets in a window, or all of them by force, while nobody else refreshes
-- it; says whether that was done. Not inside a transaction.
CALL market.refresh_aggregate(
    :'aggregate', :'starts'::timestamptz, :'ends'::timestamptz, :'patience'::interval, :'by_force'::boolean, NULL
);
