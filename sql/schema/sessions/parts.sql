CREATE OR REPLACE VIEW market.parts AS
SELECT 'strike_candles' COLLATE "C" AS dataset, underlying_id AS whole_id, instrument_id
FROM market.option_expiries;
COMMENT ON VIEW market.parts IS 'Of data sets whose rows are expected of each part of an instrument by itself: the instruments that stand for its parts.';
