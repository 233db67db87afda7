ALTER TABLE market.open_hours DROP COLUMN settled;
DROP TRIGGER version_candle_hours ON market.uncounted;
DROP FUNCTION market.version_candle_hours();
DROP TABLE market.hour_versions;
