-- The revision of the schema, as Alembic keeps it.
SELECT version_num FROM market.schema_revision ORDER BY version_num;
