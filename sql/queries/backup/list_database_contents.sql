-- What a database holds that belongs to no extension: tables, views, sequences and functions by schema; chunks left out.
SELECT n.nspname::text AS schema, count(*) FILTER (WHERE found.is_table) AS tables, count(*) AS objects
FROM pg_namespace AS n
JOIN LATERAL (
    SELECT 'pg_class'::regclass AS catalogue, c.oid, c.relkind IN ('r', 'p', 'f') AS is_table
    FROM pg_class AS c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, false FROM pg_proc AS p WHERE p.pronamespace = n.oid
) AS found ON true
WHERE NOT starts_with(n.nspname, 'pg_') AND NOT starts_with(n.nspname, '_timescaledb_') AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = found.catalogue AND d.objid = found.oid AND d.deptype = 'e'
    )
GROUP BY n.nspname
ORDER BY n.nspname;
