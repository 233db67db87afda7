-- The stored values of some indicators of a timeframe in stretches of instruments, both ends included, as arrays in order.
SELECT s.place, i.place AS indicator, v.*
FROM unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[])
    WITH ORDINALITY AS s (instrument_id, starts, ends, place)
CROSS JOIN unnest(:'names'::text[], :'parameters'::jsonb[]) WITH ORDINALITY AS i (name, parameters, place)
CROSS JOIN LATERAL (
    SELECT
        array_agg(extract(epoch FROM time)::bigint) AS times,
        array_agg(extract(epoch FROM made_from)::bigint) AS made_from,
        array_agg(value) AS values,
        array_agg(coalesce(value_2, 'NaN')) AS values_2,
        array_agg(coalesce(value_3, 'NaN')) AS values_3
    FROM (
        SELECT time, made_from, value, value_2, value_3 FROM market.indicators
        WHERE instrument_id = s.instrument_id AND timeframe = :'timeframe' AND name = i.name AND parameters = i.parameters
            AND time >= s.starts AND time <= s.ends AND time >= :'earliest'::timestamptz AND time <= :'latest'::timestamptz
        ORDER BY time
    ) AS ordered
) AS v
WHERE v.times IS NOT NULL;
