-- Deletes values of one timeframe whose candles are gone, given as arrays.
DELETE FROM market.indicators AS stored
USING
    unnest(:'instrument_ids'::bigint[], :'indicators'::bigint[], :'times'::bigint[]) AS v (instrument_id, indicator, time),
    unnest(:'names'::text[], :'parameters'::jsonb[]) WITH ORDINALITY AS i (name, parameters, place)
WHERE i.place = v.indicator AND stored.instrument_id = v.instrument_id AND stored.timeframe = :'timeframe'
    AND stored.name = i.name AND stored.parameters = i.parameters AND stored.time = to_timestamp(v.time)
    AND stored.time >= :'earliest'::timestamptz AND stored.time <= :'latest'::timestamptz;
