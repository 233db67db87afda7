COMMENT ON COLUMN market.candles.updated_at IS NULL;
ALTER TABLE market.candles DROP COLUMN created_at;
