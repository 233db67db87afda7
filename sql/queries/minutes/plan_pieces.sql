-- The due dirty marks cut into pieces of work, the newest first: windows of whole minutes, none longer than an hour.
-- A dense minute (at least a quarter of all instruments changed, and at least 500) is a piece of its own, to be read as
-- one stretch of time; the others share pieces of at most :candles candles, to be read bucket by bucket.
-- Reads the marks only, through their index: nothing here grows with the ticks stored.
WITH minutes AS (
    SELECT bucket, count(*) AS candles
    FROM (
        SELECT DISTINCT bucket, marked.instrument_id
        FROM market.dirty
        CROSS JOIN unnest(instrument_ids) AS marked (instrument_id)
        WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    ) AS due
    GROUP BY bucket
), graded AS (
    SELECT
        bucket,
        candles,
        candles >= 500 AND candles * 4 >= (SELECT count(*) FROM market.instruments) AS dense
    FROM minutes
), pieces AS (
    SELECT
        bucket,
        dense,
        date_bin('1 hour', bucket, '2000-01-01 00:00Z') AS hour,
        -- Dense minutes before this one: a piece must not reach across one.
        count(*) FILTER (WHERE dense) OVER (ORDER BY bucket DESC) AS dense_before,
        -- A minute belongs to the piece in which its last candle falls.
        div(sum(candles) OVER (ORDER BY bucket DESC) - 1, :'candles'::bigint) AS share
    FROM graded
)
SELECT min(bucket) AS starts, max(bucket) + INTERVAL '1 minute' AS ends, dense
FROM pieces
GROUP BY dense, hour, dense_before, share
ORDER BY starts DESC;
