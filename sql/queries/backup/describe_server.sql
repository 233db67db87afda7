-- Whether this role may restore TimescaleDB's catalogue, whether jobs of our schema's owner could run, and which versions of TimescaleDB the server could install.
SELECT
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    EXISTS (SELECT FROM pg_roles WHERE rolname = 'chandlery_owner' AND NOT rolcanlogin) AS owner_is_locked_out,
    ARRAY(
        SELECT version::text FROM pg_available_extension_versions WHERE name = 'timescaledb' ORDER BY version
    ) AS timescaledb_versions;
