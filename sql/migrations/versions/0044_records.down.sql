REVOKE SELECT ON market.drops, market.horizons, market.schema_revision FROM chandlery_producer;
