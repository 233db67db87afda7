-- Deletes an instrument's rows of market.indicators, and where they stood, for good.
WITH states AS (
    DELETE FROM market.indicator_states WHERE instrument_id = :'instrument_id'::integer
)
DELETE FROM market.indicators WHERE instrument_id = :'instrument_id'::integer;
