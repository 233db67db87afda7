-- A new item, of what was said, behind all others where no place was; none where the instrument is on the list already.
INSERT INTO market.watchlist_items (
    watchlist_id, instrument_id, position, notes, price_alert_high, price_alert_low, created_at, updated_at
)
SELECT
    :'watchlist_id'::bigint, :'instrument_id'::integer,
    coalesce(
        s.position, (SELECT max(i.position) + 1 FROM market.watchlist_items AS i WHERE i.watchlist_id = :'watchlist_id'::bigint), 0
    ),
    s.notes, s.price_alert_high, s.price_alert_low, :'at'::timestamptz, :'at'::timestamptz
FROM jsonb_populate_record(null::market.watchlist_items, :'said'::jsonb) AS s
ON CONFLICT (watchlist_id, instrument_id) DO NOTHING
RETURNING item_id;
