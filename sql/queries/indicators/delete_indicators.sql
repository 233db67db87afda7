-- Deletes values whose candles are gone, given as arrays.
DELETE FROM market.indicator_values AS stored
USING unnest(:'instrument_ids'::bigint[], :'indicator_ids'::bigint[], :'times'::bigint[]) AS v (instrument_id, indicator_id, time)
WHERE stored.instrument_id = v.instrument_id AND stored.indicator_id = v.indicator_id AND stored.time = to_timestamp(v.time)
    AND stored.time >= :'earliest'::timestamptz AND stored.time <= :'latest'::timestamptz;
