-- As find_differing, of one minute that write_candles has folded into folded_buckets, opens and closes included: the buckets whose
-- candle may not be what their ticks make of it.
SELECT f.instrument_id, f.bucket
FROM folded_buckets AS f
JOIN market.instruments AS n USING (instrument_id)
LEFT JOIN (
    SELECT m.feed, m.seconds
    FROM market.feed_minutes AS m
    CROSS JOIN LATERAL (SELECT market.silence_limit(m.feed) AS seconds) AS most
    WHERE m.bucket = :'starts'::timestamptz AND (most.seconds >= 60 OR market.longest_silence(m.seconds) < most.seconds)
) AS lived USING (feed)
-- One probe each, whatever the planner expects of them.
LEFT JOIN LATERAL (
    SELECT c.*
    FROM market.candles AS c
    WHERE c.instrument_id = f.instrument_id AND c.time = :'starts'::timestamptz
    LIMIT 1
) AS c ON true
WHERE (
    f.price_eligible AND c.source <> 'vendor_historical' AND c.price_eligible AND NOT c.partial
    AND (c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades)
        = (f.open, f.high, f.low, f.close, f.volume, f.turnover, f.trades)
    AND get_bit(lived.seconds, floor(date_part('second', f.last_at))::integer) = 1
) IS NOT TRUE;
