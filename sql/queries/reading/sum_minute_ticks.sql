-- The stored ticks of an instrument's minute: how many, when, and the range of their prices, cancelled ones left out of it.
SELECT
    count(*) AS ticks,
    count(*) FILTER (WHERE cancelled) AS cancelled,
    count(*) FILTER (WHERE NOT updates_ohlc AND NOT cancelled) AS not_for_prices,
    min(time) AS first, max(time) AS last,
    min(price) FILTER (WHERE NOT cancelled) AS lowest, max(price) FILTER (WHERE NOT cancelled) AS highest
FROM market.ticks
WHERE instrument_id = :'instrument_id'::integer
    AND time >= :'minute'::timestamptz AND time < :'minute'::timestamptz + INTERVAL '1 minute';
