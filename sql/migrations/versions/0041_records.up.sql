-- Who writes rows of records looks whether retention has dropped their stretch, whether the schema is that of its code, and what an
-- underlying is.
GRANT SELECT ON market.drops, market.horizons, market.schema_revision, market.tickers TO chandlery_producer;
