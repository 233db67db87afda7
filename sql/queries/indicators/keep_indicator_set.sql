-- Makes the indicators that are kept up those of the set, given as arrays. What is new there is filled from :at backwards; the
-- values of what is there no more stay, and have a fill before them should it come back.
WITH wanted AS (
    SELECT * FROM unnest(:'timeframes'::text[], :'names'::text[], :'parameters'::jsonb[]) AS w (timeframe, name, parameters)
), gone AS (
    DELETE FROM market.indicator_set AS s
    WHERE NOT EXISTS (
        SELECT FROM wanted AS w WHERE w.timeframe = s.timeframe AND w.name = s.name AND w.parameters = s.parameters
    )
)
INSERT INTO market.indicator_set (timeframe, name, parameters, filled_from)
SELECT timeframe, name, parameters, :'at'::timestamptz FROM wanted
ON CONFLICT DO NOTHING;
