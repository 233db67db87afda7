-- How many tables pg_dump will copy rows of, about: Chandlery's and others', their chunks, TimescaleDB's catalogue.
SELECT count(*)::integer AS tables
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'
    AND (
        NOT EXISTS (
            SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
        )
        OR EXISTS (SELECT FROM pg_extension AS e WHERE c.oid = ANY (e.extconfig))
    );
