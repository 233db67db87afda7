REVOKE SELECT ON market.drops, market.horizons, market.schema_revision, market.tickers FROM chandlery_producer;
