-- The stored ticks of an instrument's minute: how many, when, and the range of their prices, cancelled ones left out of it; and when
-- the newest of them, by its own time, came to the desk, and the last to come.
SELECT
    count(*) AS ticks,
    count(*) FILTER (WHERE cancelled) AS cancelled,
    count(*) FILTER (WHERE NOT updates_ohlc AND NOT cancelled) AS not_for_prices,
    min(time) AS first, max(time) AS last,
    min(price) FILTER (WHERE NOT cancelled) AS lowest, max(price) FILTER (WHERE NOT cancelled) AS highest,
    (array_agg(received_at ORDER BY time DESC, seq DESC))[1] AS newest_received_at, max(received_at) AS received_up_to
FROM market.ticks
WHERE instrument_id = :'instrument_id'::integer
    AND time >= :'minute'::timestamptz AND time < :'minute'::timestamptz + INTERVAL '1 minute';
