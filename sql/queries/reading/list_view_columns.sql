-- The columns of a view, in its order, and their types.
SELECT attname::text AS name, format_type(atttypid, NULL) AS type
FROM pg_attribute
WHERE attrelid = format('market.%I', :'view'::text)::regclass AND attnum > 0 AND NOT attisdropped
ORDER BY attnum;
