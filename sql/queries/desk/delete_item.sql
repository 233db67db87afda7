-- Deletes an item with its alerts, if it is of that revision (null: of any).
DELETE FROM market.watchlist_items
WHERE watchlist_id = :'watchlist_id'::bigint AND item_id = :'item_id'::bigint
    AND coalesce(:'revision'::bigint, revision) = revision;
