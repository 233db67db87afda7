-- How many days, weeks and months of sessions an instrument has that start in [starts, ends): all of them.
WITH dates AS (
    SELECT DISTINCT session_date::timestamp AS day
    FROM market.candles_1d_parts
    WHERE instrument_id = :'instrument_id'::integer
        -- Hours are never a week from their date, and a month's first day never 31 days from one of its dates.
        AND day >= :'starts'::timestamptz - INTERVAL '38 days' AND day < :'ends'::timestamptz + INTERVAL '38 days'
), folded AS (
    SELECT unit.timeframe, date_trunc(unit.name, dates.day) AT TIME ZONE 'UTC' AS time
    FROM dates CROSS JOIN (VALUES ('1d', 'day'), ('1w', 'week'), ('1mo', 'month')) AS unit (timeframe, name)
    GROUP BY 1, 2
)
SELECT timeframe, count(*) AS points FROM folded
WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
GROUP BY timeframe;
