-- Gives numbers to those of some indicators of a timeframe, given as arrays, that have none yet.
INSERT INTO market.stored_indicators (timeframe, name, parameters)
SELECT :'timeframe', w.* FROM unnest(:'names'::text[], :'parameters'::jsonb[]) AS w (name, parameters)
-- A conflict costs a number, and this is asked by each run.
WHERE NOT EXISTS (
    SELECT FROM market.stored_indicators AS i WHERE i.timeframe = :'timeframe' AND i.name = w.name AND i.parameters = w.parameters
)
ON CONFLICT DO NOTHING;
