-- The tables whose owner is bound by row-level security as well.
SELECT relname::text AS name FROM pg_class
WHERE relnamespace = 'market'::regnamespace AND relforcerowsecurity ORDER BY relname;
