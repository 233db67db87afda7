-- Changes what was said about an item, if it is of that revision (null: of any); a trigger arms its alerts.
UPDATE market.watchlist_items AS i SET
    (position, notes, price_alert_high, price_alert_low) = (
        SELECT s.position, s.notes, s.price_alert_high, s.price_alert_low FROM jsonb_populate_record(i, :'said'::jsonb) AS s
    ),
    revision = i.revision + 1,
    updated_at = :'at'::timestamptz
WHERE i.watchlist_id = :'watchlist_id'::bigint AND i.item_id = :'item_id'::bigint
    AND coalesce(:'revision'::bigint, i.revision) = i.revision;
