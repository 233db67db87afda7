CREATE OR REPLACE VIEW market.aggregation_health AS SELECT * FROM market.aggregation_health_at(now());
COMMENT ON VIEW market.aggregation_health IS 'How fresh each aggregate is now.';
