DROP TABLE market.candles;
DROP TYPE market.candle_source;
