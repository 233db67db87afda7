-- Writes values where nothing is stored, given as arrays; NaN stands for no second or third output.
INSERT INTO market.indicator_values (
    instrument_id, indicator_id, time, value, value_2, value_3, made_from, made_by, made_at
)
SELECT
    v.instrument_id, v.indicator_id, to_timestamp(v.time), v.value, nullif(v.value_2, 'NaN'), nullif(v.value_3, 'NaN'),
    to_timestamp(v.made_from), :'made_by', :'made_at'
FROM unnest(
    :'instrument_ids'::bigint[], :'indicator_ids'::bigint[], :'times'::bigint[], :'made_from'::bigint[],
    :'values'::double precision[], :'values_2'::double precision[], :'values_3'::double precision[]
) AS v (instrument_id, indicator_id, time, made_from, value, value_2, value_3);
