-- Minutes of a window that have ticks but no candle, and no mark that would make one: the marks were lost (triggers
-- switched off, a restore, a deleted candle). The newest first, at most :candles of them.
-- Only minutes without a candle are looked up in the ticks, each by one probe of the primary key.
SELECT missing.instrument_id, missing.bucket
FROM (
    SELECT i.instrument_id, minute.bucket
    FROM generate_series(
        :'starts'::timestamptz, :'ends'::timestamptz - INTERVAL '1 minute', INTERVAL '1 minute'
    ) AS minute (bucket)
    CROSS JOIN market.instruments AS i
    WHERE NOT EXISTS (
        SELECT FROM market.candles AS c
        WHERE c.instrument_id = i.instrument_id AND c.time = minute.bucket
            AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
    )
) AS missing
CROSS JOIN LATERAL (
    SELECT FROM market.ticks AS t
    WHERE t.instrument_id = missing.instrument_id
        AND t.time >= missing.bucket AND t.time < missing.bucket + INTERVAL '1 minute'
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled
    LIMIT 1
) AS has_ticks
WHERE NOT EXISTS (
    SELECT FROM market.dirty AS d
    WHERE d.dataset = :'dataset' AND d.bucket = missing.bucket AND missing.instrument_id = ANY (d.instrument_ids)
)
ORDER BY missing.bucket DESC, missing.instrument_id
LIMIT :'candles'::bigint;
