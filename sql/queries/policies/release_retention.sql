-- The operator lets a table's rows be dropped from an age on, by the clock.
INSERT INTO market.retentions (table_name, after, released_at) VALUES (:'table_name', :'age'::interval, :'at'::timestamptz)
ON CONFLICT (table_name) DO UPDATE SET after = excluded.after, released_at = excluded.released_at;
