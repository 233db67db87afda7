-- What schema market consists of, a line each: columns, indexes, constraints, triggers, functions, types, hypertables, rights.
-- Only what every supported version of PostgreSQL and TimescaleDB describes alike: views by their columns, functions by a digest
-- of their text. Aggregates that a rebuild makes are not there for good.
WITH relations AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relacl
    FROM pg_class AS c
    WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S')
)
SELECT 'column' AS kind, r.name || '.' || a.attname AS name,
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
        'default ' || pg_get_expr(d.adbin, d.adrelid)) AS definition
FROM relations AS r
JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
WHERE r.relkind <> 'S'
UNION ALL
SELECT 'index', c.relname, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN relations AS r ON r.oid = i.indrelid
JOIN pg_class AS c ON c.oid = i.indexrelid
UNION ALL
-- 'n' is PostgreSQL 18's NOT NULL, which the column shows.
SELECT 'constraint', coalesce(conrelid::regclass::text || '.', '') || conname, pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace = 'market'::regnamespace AND contype <> 'n' AND conparentid = 0
UNION ALL
-- TimescaleDB's own differ between its versions.
SELECT 'trigger', r.name || '.' || t.tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger AS t
JOIN relations AS r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgname NOT LIKE 'ts\_%'
UNION ALL
SELECT 'function', oid::regprocedure::text,
    concat_ws(' ', md5(prosrc), provolatile, proparallel, CASE WHEN prosecdef THEN 'security definer' END, proconfig::text,
        CASE WHEN NOT has_function_privilege('public', oid, 'EXECUTE') THEN 'its owner alone' END)
FROM pg_proc
WHERE pronamespace = 'market'::regnamespace
UNION ALL
SELECT 'type', t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder)
FROM pg_type AS t
JOIN pg_enum AS e ON e.enumtypid = t.oid
WHERE t.typnamespace = 'market'::regnamespace
GROUP BY t.typname
UNION ALL
SELECT 'hypertable', hypertable_name, column_name
FROM timescaledb_information.dimensions
WHERE hypertable_schema = 'market'
UNION ALL
SELECT 'aggregate', view_name, CASE WHEN materialized_only THEN 'materialized only' ELSE 'real-time' END
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'market'
UNION ALL
SELECT 'right', r.name || ' ' || grantee.rolname, string_agg(acl.privilege_type, ' ' ORDER BY acl.privilege_type)
FROM relations AS r
CROSS JOIN LATERAL aclexplode(r.relacl) AS acl
JOIN pg_roles AS grantee ON grantee.oid = acl.grantee
WHERE grantee.rolname LIKE 'chandlery\_%' AND grantee.rolname <> 'chandlery_owner'
GROUP BY r.name, grantee.rolname
ORDER BY kind, name;
