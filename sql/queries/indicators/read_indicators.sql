-- The stored values of some indicators in stretches of instruments, both ends included: of each indicator one row of arrays,
-- in any order.
SELECT
    i.indicator_id,
    array_agg(s.place) AS places,
    array_agg(extract(epoch FROM v.time)::bigint) AS times,
    array_agg(extract(epoch FROM v.made_from)::bigint) AS made_from,
    array_agg(v.value) AS values,
    array_agg(coalesce(v.value_2, 'NaN')) AS values_2,
    array_agg(coalesce(v.value_3, 'NaN')) AS values_3
FROM unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[])
    WITH ORDINALITY AS s (instrument_id, starts, ends, place)
CROSS JOIN unnest(:'indicator_ids'::integer[]) AS i (indicator_id)
CROSS JOIN LATERAL (
    SELECT time, made_from, value, value_2, value_3 FROM market.indicator_values
    WHERE instrument_id = s.instrument_id AND indicator_id = i.indicator_id
        AND time >= s.starts AND time <= s.ends AND time >= :'earliest'::timestamptz AND time <= :'latest'::timestamptz
    OFFSET 0  -- each by a range of the index, however many rows the planner expects
) AS v
GROUP BY i.indicator_id;
