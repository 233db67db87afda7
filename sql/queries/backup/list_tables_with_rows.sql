-- Tables of Chandlery and of others, quoted as pg_dump's patterns are; not the extensions' own, nor those whose
-- rows are a part of the schema: its revision, and what its aggregates are. Chunks lie in a schema of TimescaleDB's.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> '_timescaledb_internal' AND n.nspname !~ '^(pg_|information_schema$)'
    AND c.oid <> 'market.schema_revision'::regclass AND c.oid IS DISTINCT FROM to_regclass('market.rollups')
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY 1;
