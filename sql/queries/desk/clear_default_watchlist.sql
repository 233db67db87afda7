-- Takes the default from the user's other watchlists: only the one given may have it.
UPDATE market.watchlists SET is_default = false, revision = revision + 1, updated_at = :'at'::timestamptz
WHERE is_default AND watchlist_id IS DISTINCT FROM :'watchlist_id'::bigint;
