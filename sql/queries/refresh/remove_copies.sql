-- Leaves one row of each key in a stretch of a data set, the first by the order `best_first`; any, where that is empty.
SELECT market.remove_copies(
    :'dataset', :'time_column', :'keys'::text[], :'best_first', :'starts'::timestamptz, :'ends'::timestamptz
);
