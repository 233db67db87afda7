-- What was the owner's goes to whoever takes the roles away, and rights of writers and readers end. The roles stay: they are
-- the server's, and other databases may use them. DROP ROLE drops one that nothing depends on.
SET ROLE chandlery_owner;

ALTER DEFAULT PRIVILEGES IN SCHEMA market REVOKE SELECT ON TABLES FROM chandlery_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA market REVOKE SELECT, INSERT, UPDATE, DELETE ON TABLES FROM chandlery_writer;
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN
        SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace = 'market'::regnamespace AND relkind IN ('r', 'v') AND relowner = 'chandlery_owner'::regrole
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM chandlery_reader, chandlery_writer', item.name);
    END LOOP;
END
$$;
REVOKE USAGE ON SCHEMA market FROM chandlery_reader, chandlery_writer;

CREATE OR REPLACE PROCEDURE market.copy_rights(given text, taken text) LANGUAGE plpgsql AS $$
DECLARE
    was pg_class := (SELECT c FROM pg_class AS c WHERE c.oid = format('market.%I', given)::regclass);
    item record;
BEGIN
    IF was.relowner <> (SELECT relowner FROM pg_class WHERE oid = format('market.%I', taken)::regclass) THEN
        EXECUTE format('ALTER MATERIALIZED VIEW market.%I OWNER TO %s', taken, was.relowner::regrole);
    END IF;
    FOR item IN SELECT * FROM aclexplode(was.relacl) WHERE grantee <> was.relowner LOOP
        EXECUTE format(
            'GRANT %s ON market.%I TO %s%s', item.privilege_type, taken,
            CASE item.grantee WHEN 0 THEN 'PUBLIC' ELSE item.grantee::regrole::text END,
            CASE WHEN item.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        );
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.copy_rights IS 'Gives one aggregate the owner of another, and lets whoever may read that one read it.';

RESET ROLE;
-- Of this database only, jobs included.
REASSIGN OWNED BY chandlery_owner TO CURRENT_USER;
