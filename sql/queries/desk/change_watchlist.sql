-- Changes what was said about a watchlist, if it is of that revision (null: of any).
UPDATE market.watchlists AS w SET
    (name, description, colour, icon, is_default) = (
        SELECT s.name, s.description, s.colour, s.icon, s.is_default FROM jsonb_populate_record(w, :'said'::jsonb) AS s
    ),
    revision = w.revision + 1,
    updated_at = :'at'::timestamptz
WHERE w.watchlist_id = :'watchlist_id'::bigint AND coalesce(:'revision'::bigint, w.revision) = w.revision;
