-- The default among the user's watchlists, but for the one that is to be it, is it no more.
UPDATE market.watchlists SET is_default = false, revision = revision + 1, updated_at = :'at'::timestamptz
WHERE is_default AND watchlist_id IS DISTINCT FROM :'watchlist_id'::bigint;
