-- How many candles an instrument has of each timeframe that start in [starts, ends), counted up to :most; of days, weeks and
-- months all. What retention has dropped is not there to be counted. One branch for each table, alike: each stops at :most, and
-- a table cannot be a parameter.
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
SELECT '1m' AS timeframe, count(*) AS points FROM (
    SELECT FROM market.candles
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT '5m', count(*) FROM (
    SELECT FROM market.candles_5m
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT '15m', count(*) FROM (
    SELECT FROM market.candles_15m
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT '30m', count(*) FROM (
    SELECT FROM market.candles_30m
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT '1h', count(*) FROM (
    SELECT FROM market.candles_1h
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT '4h', count(*) FROM (
    SELECT FROM market.candles_4h
    WHERE instrument_id = :'instrument_id'::integer AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    LIMIT :'most'::integer
) AS first
UNION ALL
SELECT timeframe, count(*) FROM folded
WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
GROUP BY timeframe;
