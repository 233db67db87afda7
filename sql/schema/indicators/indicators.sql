CREATE OR REPLACE VIEW market.indicators AS
SELECT
    v.instrument_id, i.timeframe, i.name, i.parameters, v.time, v.value, v.value_2, v.value_3, v.made_from, v.made_by, v.made_at
FROM market.indicator_values AS v
JOIN market.stored_indicators AS i USING (indicator_id);
COMMENT ON VIEW market.indicators IS 'Stored indicators, each value with its name and parameters: market.indicator_values, which explains the columns.';
