-- Who writes rows of records looks whether retention has dropped their stretch, and whether the schema is that of its code.
GRANT SELECT ON market.drops, market.horizons, market.schema_revision TO chandlery_producer;
