-- When each candle was first written, beside when it last changed.

-- Two statements: with a default from the start the rows there would seem to have been written now.
ALTER TABLE market.candles ADD COLUMN created_at timestamptz;
ALTER TABLE market.candles ALTER COLUMN created_at SET DEFAULT now();
COMMENT ON COLUMN market.candles.created_at IS 'When it was first written, by the server''s clock; null: before that was kept.';
COMMENT ON COLUMN market.candles.updated_at IS 'When its content last changed, by the server''s clock.';
