-- A new watchlist, of what was said; none where the user has one of that name.
INSERT INTO market.watchlists (name, description, colour, icon, is_default, created_at, updated_at)
SELECT name, description, colour, icon, coalesce(is_default, false), :'at'::timestamptz, :'at'::timestamptz
FROM jsonb_populate_record(null::market.watchlists, :'said'::jsonb)
ON CONFLICT (user_id, name) DO NOTHING
RETURNING watchlist_id;
