-- The stored values of some indicators of a timeframe in stretches of instruments, both ends included: of each indicator one row
-- of arrays, in any order.
SELECT
    i.place AS indicator,
    array_agg(s.place) AS places,
    array_agg(extract(epoch FROM v.time)::bigint) AS times,
    array_agg(extract(epoch FROM v.made_from)::bigint) AS made_from,
    array_agg(v.value) AS values,
    array_agg(coalesce(v.value_2, 'NaN')) AS values_2,
    array_agg(coalesce(v.value_3, 'NaN')) AS values_3
FROM unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[])
    WITH ORDINALITY AS s (instrument_id, starts, ends, place)
CROSS JOIN unnest(:'names'::text[], :'parameters'::jsonb[]) WITH ORDINALITY AS i (name, parameters, place)
CROSS JOIN LATERAL (
    SELECT time, made_from, value, value_2, value_3 FROM market.indicators
    WHERE instrument_id = s.instrument_id AND timeframe = :'timeframe' AND name = i.name AND parameters = i.parameters
        AND time >= s.starts AND time <= s.ends AND time >= :'earliest'::timestamptz AND time <= :'latest'::timestamptz
    OFFSET 0  -- each by a range of the index, however many rows the planner expects
) AS v
GROUP BY i.place;
