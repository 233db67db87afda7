-- Leaves one row of each key in a stretch of a table, the best of those there.
SELECT market.remove_copies(:'table_name', :'starts'::timestamptz, :'ends'::timestamptz);
