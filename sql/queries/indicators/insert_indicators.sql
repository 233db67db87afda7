-- Writes values of one timeframe where nothing is stored, given as arrays; NaN stands for no second or third output. Names and
-- parameters by their places: a join would not keep the order of the rows, in which the index takes them at half the cost.
INSERT INTO market.indicators (
    instrument_id, timeframe, name, parameters, time, value, value_2, value_3, made_from, made_by, made_at
)
SELECT
    v.instrument_id, :'timeframe', (:'names'::text[])[v.indicator], (:'parameters'::jsonb[])[v.indicator],
    to_timestamp(v.time), v.value, nullif(v.value_2, 'NaN'), nullif(v.value_3, 'NaN'), to_timestamp(v.made_from),
    :'made_by', :'made_at'
FROM unnest(
    :'instrument_ids'::bigint[], :'indicators'::bigint[], :'times'::bigint[], :'made_from'::bigint[],
    :'values'::double precision[], :'values_2'::double precision[], :'values_3'::double precision[]
) AS v (instrument_id, indicator, time, made_from, value, value_2, value_3);
