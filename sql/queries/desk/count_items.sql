-- How many items a watchlist has.
SELECT count(*) FROM market.watchlist_items WHERE watchlist_id = :'watchlist_id'::bigint;
