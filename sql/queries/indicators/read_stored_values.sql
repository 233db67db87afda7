-- Stored values of an instrument's indicators of a timeframe that lie in [starts, ends), in order of time, name and number: the
-- first :most, or with :backward the newest, the last first; of :names, or of all (none). With :after_time only those behind the
-- one of that time, :after_name and :after_id. Where each indicator has its share of the page, the page lies: no further is read.
-- As in psql -v sorted='v.time, i.name, i.indicator_id' ...
WITH chosen AS MATERIALIZED (
    SELECT
        indicator_id, name, parameters,
        -- Of the moment that the page before ended at, those are left that come after its last one.
        :'after_time'::timestamptz IS NULL OR CASE
            WHEN :'backward'::boolean THEN (name, indicator_id) < (:'after_name'::text, :'after_id'::integer)
            ELSE (name, indicator_id) > (:'after_name'::text, :'after_id'::integer)
        END AS is_left,
        ceil(:'most'::numeric / count(*) OVER ())::bigint - 1 AS others
    FROM market.stored_indicators
    WHERE timeframe = :'timeframe' AND (cardinality(:'names'::text[]) = 0 OR name = ANY (:'names'::text[]))
), shares AS (
    SELECT
        CASE WHEN :'backward'::boolean THEN min(edge.time) END AS starts,
        CASE WHEN NOT :'backward'::boolean THEN max(edge.time) + INTERVAL '1 microsecond' END AS ends
    FROM chosen AS i
    LEFT JOIN LATERAL (
        (
            SELECT time FROM market.indicator_values
            WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND indicator_id = i.indicator_id
                AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
                AND (i.is_left OR time <> :'after_time'::timestamptz)
            ORDER BY time LIMIT 1 OFFSET i.others
        )
        UNION ALL
        (
            SELECT time FROM market.indicator_values
            WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND indicator_id = i.indicator_id
                AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
                AND (i.is_left OR time <> :'after_time'::timestamptz)
            ORDER BY time DESC LIMIT 1 OFFSET i.others
        )
    ) AS edge ON true
    HAVING count(edge.time) = count(*)
)
SELECT v.time, i.name, i.parameters, v.value, v.value_2, v.value_3, v.made_from, v.made_at, i.indicator_id
FROM chosen AS i
LEFT JOIN shares AS s ON true
CROSS JOIN LATERAL (
    (
        SELECT time, value, value_2, value_3, made_from, made_at FROM market.indicator_values
        WHERE NOT :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND indicator_id = i.indicator_id
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz AND time < coalesce(s.ends, 'infinity')
            AND (i.is_left OR time <> :'after_time'::timestamptz)
        ORDER BY time LIMIT :'most'::bigint
    )
    UNION ALL
    (
        SELECT time, value, value_2, value_3, made_from, made_at FROM market.indicator_values
        WHERE :'backward'::boolean AND instrument_id = :'instrument_id'::integer AND indicator_id = i.indicator_id
            AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz AND time >= coalesce(s.starts, '-infinity')
            AND (i.is_left OR time <> :'after_time'::timestamptz)
        ORDER BY time DESC LIMIT :'most'::bigint
    )
) AS v
ORDER BY :sorted
LIMIT :'most'::bigint;
