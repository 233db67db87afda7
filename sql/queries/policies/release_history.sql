-- The operator lets chunks of history be dropped, as they were named: with the numbers of their rows and imports.
INSERT INTO market.releases (table_name, starts, ends, rows, imports, released_at)
SELECT :'table_name', named.*, :'at'::timestamptz
FROM unnest(:'starts'::timestamptz[], :'ends'::timestamptz[], :'rows'::bigint[], :'imports'::bigint[]) AS named
ON CONFLICT (table_name, starts) DO UPDATE SET
    ends = excluded.ends, rows = excluded.rows, imports = excluded.imports, released_at = excluded.released_at;
