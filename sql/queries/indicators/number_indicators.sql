-- The numbers of some indicators of a timeframe, given as arrays, in their order.
SELECT i.indicator_id
FROM unnest(:'names'::text[], :'parameters'::jsonb[]) WITH ORDINALITY AS w (name, parameters, place)
JOIN market.stored_indicators AS i USING (name, parameters)
WHERE i.timeframe = :'timeframe'
ORDER BY w.place;
