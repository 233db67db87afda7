-- The due dirty marks cut into pieces of work, the newest first: windows of whole minutes, none longer than an hour.
-- A dense minute (at least a quarter of all instruments changed, and at least 500) is a piece of its own, to be read as
-- one stretch of time; the others share pieces of at most :candles candles, to be read bucket by bucket.
-- Reads the marks only, through their index: nothing here grows with the ticks stored.
WITH dense AS (
    SELECT greatest(500, ceil(count(*) / 4.0)) AS candles FROM market.instruments
), marked AS (
    SELECT bucket, max(cardinality(instrument_ids)) AS candles
    FROM market.dirty
    WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    GROUP BY bucket
), minutes AS (
    -- One statement that wrote ticks of as many makes a minute dense: 60 of them name 600,000, which are not to be unpacked.
    SELECT bucket, candles FROM marked WHERE candles >= (SELECT candles FROM dense)
    UNION ALL
    SELECT bucket, count(*)
    FROM (
        SELECT DISTINCT bucket, named.instrument_id
        FROM marked
        JOIN market.dirty USING (bucket)
        CROSS JOIN unnest(instrument_ids) AS named (instrument_id)
        WHERE marked.candles < (SELECT candles FROM dense)
            AND dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    ) AS due
    GROUP BY bucket
), pieces AS (
    SELECT
        bucket,
        candles >= (SELECT candles FROM dense) AS dense,
        date_bin('1 hour', bucket, '2000-01-01 00:00Z') AS hour,
        -- Dense minutes before this one: a piece must not reach across one.
        count(*) FILTER (WHERE candles >= (SELECT candles FROM dense)) OVER (ORDER BY bucket DESC) AS dense_before,
        -- A minute belongs to the piece in which its last candle falls.
        div(sum(candles) OVER (ORDER BY bucket DESC) - 1, :'candles'::bigint) AS share
    FROM minutes
)
SELECT min(bucket) AS starts, max(bucket) + INTERVAL '1 minute' AS ends, dense
FROM pieces
GROUP BY dense, hour, dense_before, share
ORDER BY starts DESC;
