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
