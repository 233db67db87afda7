-- A page of candles as JSON, one a line, in order, and the positions of the outermost two at either end: a caller that asked for one
-- candle more than wanted cuts it off. Prices and volumes are numbers, or with a :quote between quotes. The variable page is
-- read_minute_page or read_derived_page, which take the others, or read_pages_of_many:
-- psql -v page="$(sed '$ s/;//' sql/queries/reading/read_minute_page.sql)" -v quote= -v head="'{'" -v position=c.time
-- -v ordered=c.time -v instrument=1 ...
-- The model of the HTTP API's answer says the same of the same candle. What is between two values is put together once.
SELECT
    string_agg(
        concat(
            :head || '"time":"', to_char(c.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            '","open":' || :'quote'::text, c.open,
            :'quote'::text || ',"high":' || :'quote'::text, c.high,
            :'quote'::text || ',"low":', CASE
                -- Infinite where it was stored before that was refused.
                WHEN c.low = '-Infinity' THEN 'null'
                WHEN :'quote'::text = '' THEN c.low::text
                ELSE :'quote'::text || c.low::text || :'quote'::text
            END,
            ',"close":' || :'quote'::text, c.close,
            :'quote'::text || ',"volume":' || :'quote'::text, c.volume,
            :'quote'::text || ',"vwap":', CASE
                WHEN c.vwap IS NULL THEN 'null'
                WHEN :'quote'::text = '' THEN c.vwap::text
                ELSE :'quote'::text || c.vwap::text || :'quote'::text
            END,
            ',"trades":', coalesce(c.trades::text, 'null'), ',"minutes":', c.minutes,
            ',"expected":', coalesce(c.expected::text, 'null'), ',"closed":', c.closed::text,
            ',"partial":', c.partial::text, ',"filled":', c.filled::text, ',"price_eligible":', c.price_eligible::text,
            ',"sources":"', c.sources, '","revision":', coalesce(c.revision::text, 'null'), '}'
        ),
        E'\n' ORDER BY :ordered
    ) AS candles,
    (array_agg(:position ORDER BY :ordered))[:2] AS first,
    (array_agg(:position ORDER BY :ordered))[greatest(count(*) - 1, 1):] AS last
FROM (:page) AS c
HAVING count(*) > 0;
