-- The watchlists of the user, or the one that is named; the default first.
SELECT watchlist_id, name, description, colour, icon, is_default, revision, created_at, updated_at
FROM market.watchlists
WHERE :'watchlist_id'::bigint IS NULL OR watchlist_id = :'watchlist_id'::bigint
ORDER BY is_default DESC, name, watchlist_id;
