-- Deletes a watchlist with its items and their alerts, if it is of that revision (null: of any).
DELETE FROM market.watchlists
WHERE watchlist_id = :'watchlist_id'::bigint AND coalesce(:'revision'::bigint, revision) = revision;
