-- Candles that start in a window, by source; every source is named, those without any too.
SELECT s.source::text, coalesce(c.candles, 0) AS candles
FROM unnest(enum_range(NULL::market.candle_source)) AS s (source)
LEFT JOIN (
    SELECT source, count(*) AS candles
    FROM market.candles
    WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz
    GROUP BY source
) AS c USING (source)
ORDER BY s.source;
