-- The first one-minute candle of an instrument that is kept; null without any.
SELECT min(time) FROM market.candles WHERE instrument_id = :'instrument_id'::integer;
