-- The items of a watchlist, or the one that is named, in their order.
SELECT
    i.item_id, i.watchlist_id, n.instrument_key, i.position, i.notes, i.price_alert_high, i.price_alert_low, i.revision,
    i.created_at, i.updated_at
FROM market.watchlist_items AS i
JOIN market.instruments AS n USING (instrument_id)
WHERE i.watchlist_id = :'watchlist_id'::bigint AND (:'item_id'::bigint IS NULL OR i.item_id = :'item_id'::bigint)
ORDER BY i.position, i.item_id;
