DROP TABLE market.unindicated_hours;
-- What waits for a bucket to close is of no use without it.
DELETE FROM market.unindicated WHERE timeframe IS NOT NULL;
ALTER TABLE market.unindicated DROP COLUMN timeframe, DROP COLUMN due_at;
DROP TABLE market.indicators;
