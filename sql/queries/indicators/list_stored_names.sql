-- The names of indicators of which values of a timeframe are stored.
SELECT DISTINCT name FROM market.stored_indicators WHERE timeframe = :'timeframe' ORDER BY name;
