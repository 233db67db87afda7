-- Gives jobs to the owner of what they work on where their own may not act as that one, and returns whose they were:
-- a server that roles were created on does not know which roles were members of which. Of other schemas' procedures, none.
WITH rightful AS (
    SELECT j.id, j.owner AS former, coalesce(t.relowner, p.proowner) AS owner
    FROM _timescaledb_config.bgw_job AS j
    LEFT JOIN _timescaledb_catalog.hypertable AS h ON h.id = j.hypertable_id
    LEFT JOIN pg_namespace AS n ON n.nspname = h.schema_name
    LEFT JOIN pg_class AS t ON t.relnamespace = n.oid AND t.relname = h.table_name
    LEFT JOIN pg_proc AS p ON j.proc_schema = 'market' AND p.proname = j.proc_name AND p.pronamespace = 'market'::regnamespace
)
UPDATE _timescaledb_config.bgw_job AS j SET owner = r.owner
FROM rightful AS r
WHERE j.id = r.id AND NOT pg_has_role(r.former, r.owner, 'USAGE')
RETURNING pg_get_userbyid(r.former)::text;
