-- A page of candles as JSON, one a line, in order, and when the outermost two at either end start: for whoever asked for one
-- candle more than wanted cuts it off. The variable page is read_minute_page or read_derived_page, which take the others:
-- psql -v page="$(sed '$ s/;//' sql/queries/reading/read_minute_page.sql)" -v instrument_id=1 ...
-- The model of the HTTP API's answer says the same of the same candle, in digits of double precision; here all are told.
SELECT
    string_agg(
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
        ),
        E'\n' ORDER BY c.time
    ) AS candles,
    (array_agg(c.time ORDER BY c.time))[:2] AS first,
    (array_agg(c.time ORDER BY c.time))[greatest(count(*) - 1, 1):] AS last
FROM (:page) AS c
HAVING count(*) > 0;
