CREATE OR REPLACE VIEW market.parts AS
SELECT 'strike_candles' COLLATE "C" AS dataset, underlying_id AS whole_id, instrument_id
FROM market.option_expiries
UNION ALL
SELECT dataset, whole_id, instrument_id FROM market.cadences;
COMMENT ON VIEW market.parts IS 'Of data sets whose rows are expected of each part of an instrument by itself: the instruments that represent its parts; and those for sources whose cadence an operator has set. A source has no whole_id where rows of any instrument will do.';
