-- Who owns, who writes, who reads: three roles of the server, which its databases share, for logins to be members of.

DO $$
DECLARE
    wanted text[] := ARRAY['chandlery_owner', 'chandlery_writer', 'chandlery_reader'];
    missing text[] := ARRAY(SELECT name FROM unnest(wanted) AS name WHERE to_regrole(name) IS NULL);
    own pg_roles := (SELECT r FROM pg_roles AS r WHERE r.rolname = current_user);
    name text;
BEGIN
    IF missing <> '{}' AND NOT (own.rolsuper OR own.rolcreaterole) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not create roles, and there is none named %s', current_user, array_to_string(missing, ', ')),
            HINT = 'as a superuser run: '
                || 'CREATE ROLE chandlery_owner LOGIN; CREATE ROLE chandlery_writer; CREATE ROLE chandlery_reader; '
                || 'and run this migration again as a superuser';
    END IF;
    FOREACH name IN ARRAY missing LOOP
        BEGIN
            -- TimescaleDB runs the jobs of a table as its owner, and refuses one that could not log in. Without a password
            -- nobody else can.
            EXECUTE format('CREATE ROLE %I %s', name, CASE name WHEN 'chandlery_owner' THEN 'LOGIN' ELSE 'NOLOGIN' END);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database is migrated at the same moment
        END;
    END LOOP;
    IF NOT (SELECT rolcanlogin FROM pg_roles WHERE rolname = 'chandlery_owner') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'chandlery_owner has no LOGIN, and TimescaleDB runs no job for such a role',
            HINT = 'as a superuser run: ALTER ROLE chandlery_owner LOGIN; it needs no password';
    END IF;
END
$$;

-- What is ours so far becomes the owner's; whose it was becomes a member, and loses nothing. Jobs stay with who made them.
DO $$
DECLARE
    owner regrole := (SELECT nspowner FROM pg_namespace WHERE nspname = 'market');
    item record;
BEGIN
    IF owner = 'chandlery_owner'::regrole THEN
        RETURN;
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('the schema market belongs to %s, and %s cannot give it to chandlery_owner', owner, current_user),
            HINT = 'run this one migration as a superuser: chunks lie in a schema of TimescaleDB''s own';
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE oid = owner) THEN
        EXECUTE format('GRANT chandlery_owner TO %s', owner);
    END IF;
    ALTER SCHEMA market OWNER TO chandlery_owner;
    FOR item IN
        SELECT
            CASE WHEN a.view_name IS NOT NULL THEN 'MATERIALIZED VIEW' WHEN c.relkind = 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind,
            c.oid::regclass::text AS name
        FROM pg_class AS c
        LEFT JOIN timescaledb_information.continuous_aggregates AS a ON a.view_schema = 'market' AND a.view_name = c.relname
        WHERE c.relnamespace = 'market'::regnamespace AND c.relkind IN ('r', 'v') AND c.relowner = owner
        UNION ALL
        SELECT 'ROUTINE', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'market'::regnamespace AND proowner = owner
        UNION ALL
        SELECT 'TYPE', oid::regtype::text FROM pg_type
        WHERE typnamespace = 'market'::regnamespace AND typtype IN ('e', 'd') AND typowner = owner
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO chandlery_owner', item.kind, item.name);
    END LOOP;
END
$$;

-- From here on, and in later migrations, what is created is the owner's.
SET ROLE chandlery_owner;

GRANT USAGE ON SCHEMA market TO chandlery_reader, chandlery_writer;
-- Who writes writes rows of tables only: aggregates are refreshed by their owner, and nobody else may touch what they hold.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT oid::regclass AS name, relkind = 'r' AND relname <> 'schema_revision' AS written
        FROM pg_class
        WHERE relnamespace = 'market'::regnamespace AND relkind IN ('r', 'v') AND relowner = 'chandlery_owner'::regrole
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO chandlery_reader, chandlery_writer', item.name);
        IF item.written THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO chandlery_writer', item.name);
        END IF;
    END LOOP;
END
$$;
ALTER DEFAULT PRIVILEGES IN SCHEMA market GRANT SELECT ON TABLES TO chandlery_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA market GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO chandlery_writer;

-- Takes away what default privileges gave beyond that: they know no difference between a table and an aggregate.
CREATE OR REPLACE PROCEDURE market.copy_rights(given text, taken text) LANGUAGE plpgsql AS $$
DECLARE
    was pg_class := (SELECT c FROM pg_class AS c WHERE c.oid = format('market.%I', given)::regclass);
    item record;
BEGIN
    IF was.relowner <> (SELECT relowner FROM pg_class WHERE oid = format('market.%I', taken)::regclass) THEN
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I OWNER TO %s', taken, was.relowner::regrole);
    END IF;
    FOR item IN
        SELECT DISTINCT acl.grantee FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
        WHERE c.oid = format('market.%I', taken)::regclass AND acl.grantee <> was.relowner
    LOOP
        EXECUTE format(
            'REVOKE ALL ON market.%I FROM %s', taken, CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END
        );
    END LOOP;
    FOR item IN SELECT * FROM aclexplode(was.relacl) WHERE grantee <> was.relowner LOOP
        EXECUTE format(
            'GRANT %s ON market.%I TO %s%s', item.privilege_type, taken,
            CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END,
            CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.copy_rights IS 'Gives one aggregate the owner of another, and exactly its rights.';
