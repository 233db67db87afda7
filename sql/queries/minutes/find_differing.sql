-- The buckets of [:starts, :ends) whose candle may not be what their ticks make of it: all that have ticks, but those of which
-- one pass over the ticks shows that nothing would be written. What that cannot show is named too: minutes in which a feed looks
-- silent, buckets without a tick that may set prices. No lock is held: the writer of these buckets reads their ticks again.
WITH lived AS MATERIALIZED (
    SELECT m.feed, m.bucket, m.seconds
    FROM market.feed_minutes AS m
    CROSS JOIN LATERAL (SELECT market.silence_limit(m.feed) AS seconds) AS most
    WHERE m.bucket >= :'starts'::timestamptz AND m.bucket < :'ends'::timestamptz
        AND (most.seconds >= 60 OR market.longest_silence(m.seconds) < most.seconds)
)
SELECT f.instrument_id, minute.bucket
FROM generate_series(
    date_bin('1 minute', :'starts', '2000-01-01 00:00Z'), :'ends'::timestamptz - INTERVAL '1 microsecond', INTERVAL '1 minute'
) AS minute (bucket)
CROSS JOIN LATERAL (
    SELECT
        instrument_id, min(time) FILTER (WHERE updates_ohlc) AS opens_at, max(time) FILTER (WHERE updates_ohlc) AS closes_at,
        max(price) FILTER (WHERE updates_ohlc) AS high, min(price) FILTER (WHERE updates_ohlc) AS low,
        coalesce(sum(size) FILTER (WHERE updates_volume), 0) AS volume,
        coalesce(sum(price * size) FILTER (WHERE updates_volume), 0) AS turnover,
        count(*) AS trades
    FROM market.ticks
    WHERE time >= minute.bucket AND time < minute.bucket + INTERVAL '1 minute' AND NOT cancelled
        -- Said again as constants, so that chunks are excluded while planning.
        AND time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    GROUP BY instrument_id
) AS f
JOIN market.instruments AS n USING (instrument_id)
LEFT JOIN lived ON lived.feed = n.feed AND lived.bucket = minute.bucket
-- One probe each, whatever the planner expects of them.
LEFT JOIN LATERAL (
    SELECT c.*
    FROM market.candles AS c
    WHERE c.instrument_id = f.instrument_id AND c.time = minute.bucket
        AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
    LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT t.price
    FROM market.ticks AS t
    WHERE t.instrument_id = f.instrument_id AND t.time = f.opens_at
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled AND t.updates_ohlc
    ORDER BY t.seq
    LIMIT 1
) AS opens ON true
LEFT JOIN LATERAL (
    SELECT t.price
    FROM market.ticks AS t
    WHERE t.instrument_id = f.instrument_id AND t.time = f.closes_at
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled AND t.updates_ohlc
    ORDER BY t.seq DESC
    LIMIT 1
) AS closes ON true
WHERE (
    c.source <> 'vendor_historical' AND c.price_eligible AND NOT c.partial
    AND (c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades)
        = (opens.price, f.high, f.low, closes.price, f.volume, f.turnover, f.trades)
    AND get_bit(lived.seconds, floor(date_part('second', f.closes_at))::integer) = 1
) IS NOT TRUE;
