-- Whether this role may restore TimescaleDB's catalogue, and which versions of TimescaleDB the server could install.
SELECT
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    ARRAY(
        SELECT version::text FROM pg_available_extension_versions WHERE name = 'timescaledb' ORDER BY version
    ) AS timescaledb_versions;
