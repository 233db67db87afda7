-- Writes values of one timeframe that are new or differ, given as arrays; NaN stands for no second or third output.
INSERT INTO market.indicators AS stored (
    instrument_id, timeframe, name, parameters, time, value, value_2, value_3, made_from, made_by, made_at
)
SELECT
    v.instrument_id, :'timeframe', i.name, i.parameters, to_timestamp(v.time), v.value, nullif(v.value_2, 'NaN'),
    nullif(v.value_3, 'NaN'), to_timestamp(v.made_from), :'made_by', :'made_at'
FROM unnest(
    :'instrument_ids'::bigint[], :'indicators'::bigint[], :'times'::bigint[], :'made_from'::bigint[],
    :'values'::double precision[], :'values_2'::double precision[], :'values_3'::double precision[]
) AS v (instrument_id, indicator, time, made_from, value, value_2, value_3)
JOIN unnest(:'names'::text[], :'parameters'::jsonb[]) WITH ORDINALITY AS i (name, parameters, place) ON i.place = v.indicator
ON CONFLICT (instrument_id, timeframe, name, parameters, time) DO UPDATE SET
    value = excluded.value, value_2 = excluded.value_2, value_3 = excluded.value_3,
    made_from = excluded.made_from, made_by = excluded.made_by, made_at = excluded.made_at;
