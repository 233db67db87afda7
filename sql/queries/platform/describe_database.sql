-- What the database is: TimescaleDB's version (null without it), its license, whether migrations ever ran, and the comment
-- by which the newest of them says which code its schema serves; the digest of the functions and views that were made; and the
-- setting that keeps its triggers from firing.
SELECT
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
    current_setting('timescaledb.license', true) AS license,
    to_regclass('market.schema_revision') IS NOT NULL AS has_revisions,
    obj_description(to_regclass('market.schema_revision'), 'pg_class') AS serves,
    col_description(to_regclass('market.schema_revision'), 1) AS definitions,
    CASE
        WHEN current_setting('session_replication_role') = 'replica' THEN 'session_replication_role is replica'
        WHEN current_setting('timescaledb.restoring', true) = 'on' THEN 'timescaledb.restoring is on'
    END AS disabled;
