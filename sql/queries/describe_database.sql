-- What the database is: TimescaleDB's version (null without it), its license, and whether migrations ever ran.
SELECT
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescaledb,
    current_setting('timescaledb.license', true) AS license,
    to_regclass('market.schema_revision') IS NOT NULL AS has_revisions;
