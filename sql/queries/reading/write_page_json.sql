-- A page of candles as a list of JSON, in order, without the one above :most - 1 that tells whether there are more: of :backward
-- the first, else the last; how many were found, that one included; and when the first and the last of the page start. The
-- variable page is read_minute_page or read_derived_page, which take the others:
-- psql -v page="$(sed '$ s/;//' sql/queries/reading/read_minute_page.sql)" -v instrument_id=1 ...
-- The model of the HTTP API's answer says the same of the same candle, in digits of double precision; here all are told.
SELECT
    concat('[', array_to_string(texts[inside.first:inside.last], ','), ']') AS candles,
    cardinality(texts) AS found,
    times[inside.first] AS first,
    times[inside.last] AS last
FROM (
    SELECT
        array_agg(
            concat(
                '{"time":"', to_char(c.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                '","open":', c.open, ',"high":', c.high,
                -- Infinite where it was stored before that was refused.
                ',"low":', CASE WHEN c.low = '-Infinity' THEN 'null' ELSE c.low::text END,
                ',"close":', c.close, ',"volume":', c.volume, ',"vwap":', coalesce(c.vwap::text, 'null'),
                ',"trades":', coalesce(c.trades::text, 'null'), ',"minutes":', c.minutes,
                ',"expected":', coalesce(c.expected::text, 'null'), ',"closed":', c.closed::text,
                ',"partial":', c.partial::text, ',"filled":', c.filled::text, ',"price_eligible":', c.price_eligible::text,
                ',"sources":"', c.sources, '","revision":', coalesce(c.revision::text, 'null'), '}'
            )
            ORDER BY c.time
        ) AS texts,
        array_agg(c.time ORDER BY c.time) AS times
    FROM (:page) AS c
    HAVING count(*) > 0
) AS found
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN goes_on AND :'backward'::boolean THEN 2 ELSE 1 END AS first,
        cardinality(texts) - CASE WHEN goes_on AND NOT :'backward'::boolean THEN 1 ELSE 0 END AS last
    FROM (SELECT cardinality(texts) = :'most'::bigint AS goes_on) AS beyond
) AS inside;
