DROP TRIGGER mark_deleted_candle ON market.candles;
DROP TRIGGER mark_updated_candles ON market.candles;
DROP TRIGGER mark_inserted_candles ON market.candles;
DROP FUNCTION market.mark_deleted_candle();
DROP FUNCTION market.mark_updated_candles();
DROP FUNCTION market.mark_inserted_candles();
DROP FUNCTION market.candles_written_by_us();
DROP FUNCTION market.tick_chunk_since(timestamptz);
COMMENT ON COLUMN market.dirty.ticks IS 'Ticks inserted, for each of instrument_ids; 0 for updates and deletions.';
DROP TABLE market.uncounted;
DROP TABLE market.candle_hours;
DROP FUNCTION market.is_expected(text, timestamptz);
DROP FUNCTION market.longest_silence(bit);
DROP FUNCTION market.silence_limit(text);
DROP TABLE market.feed_minutes;
DROP TABLE market.feeds;
ALTER TABLE market.instruments DROP COLUMN data_from, DROP COLUMN delisted_at, DROP COLUMN listed_at;
-- Marks of candles mean nothing to the schema below.
DELETE FROM market.dirty WHERE -1 = ANY (ticks);
