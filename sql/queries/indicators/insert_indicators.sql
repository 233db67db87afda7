-- Writes values where nothing is stored, given as arrays; NaN means no second or third output.
INSERT INTO market.indicator_values (
    instrument_id, indicator_id, time, value, value_2, value_3, made_from, made_by, made_at
)
SELECT
    v.instrument_id, v.indicator_id, to_timestamp(v.time), v.value, nullif(v.value_2, 'NaN'), nullif(v.value_3, 'NaN'),
    to_timestamp(v.made_from), :'made_by', :'made_at'
FROM (
    -- Not in FROM, where each array would be laid out as a table first.
    SELECT
        unnest(:'instrument_ids'::bigint[]) AS instrument_id, unnest(:'indicator_ids'::bigint[]) AS indicator_id,
        unnest(:'times'::bigint[]) AS time, unnest(:'made_from'::bigint[]) AS made_from,
        unnest(:'values'::double precision[]) AS value, unnest(:'values_2'::double precision[]) AS value_2,
        unnest(:'values_3'::double precision[]) AS value_3
) AS v;
