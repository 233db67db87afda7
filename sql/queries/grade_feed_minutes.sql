-- Tells of each touched minute of each feed whether the feed fell silent in it, and whether that was known before.
-- A feed lives if any of its instruments does: the touched ones that traded most, and what is stored of the minute, all but
-- always show that. Only a minute that still looks silent, in open hours, is read whole.
CREATE TEMPORARY TABLE graded_feed_minutes ON COMMIT DROP AS
WITH touched AS (
    SELECT n.feed, b.bucket, bool_or(b.removed) AS removed
    FROM touched_buckets AS b
    JOIN market.instruments AS n USING (instrument_id)
    GROUP BY n.feed, b.bucket
), busiest AS (
    SELECT feed, bucket, instrument_id
    FROM (
        SELECT
            n.feed, f.bucket, f.instrument_id,
            row_number() OVER (PARTITION BY n.feed, f.bucket ORDER BY f.trades DESC) AS place
        FROM folded_buckets AS f
        JOIN market.instruments AS n USING (instrument_id)
    ) AS ranked
    WHERE place <= 20
), sampled AS (
    SELECT busiest.feed, busiest.bucket, bit_or(own.seconds) AS seconds
    FROM busiest
    CROSS JOIN LATERAL (
        SELECT bit_or(1::bigint << (59 - floor(date_part('second', t.time))::integer)) AS seconds
        FROM market.ticks AS t
        WHERE t.instrument_id = busiest.instrument_id
            AND t.time >= busiest.bucket AND t.time < busiest.bucket + INTERVAL '1 minute'
            AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled
    ) AS own
    GROUP BY busiest.feed, busiest.bucket
), edges AS (  -- read already: so the last second of a minute is known to be that, whoever traded then
    SELECT n.feed, f.bucket, bit_or(1::bigint << (59 - floor(date_part('second', f.closes_at))::integer)) AS seconds
    FROM folded_buckets AS f
    JOIN market.instruments AS n USING (instrument_id)
    GROUP BY n.feed, f.bucket
), known AS MATERIALIZED (
    SELECT
        touched.feed, touched.bucket, stored.seconds AS stored, market.silence_limit(touched.feed) AS silence_limit,
        (
            coalesce(sampled.seconds, 0) | coalesce(edges.seconds, 0) | CASE
                -- Ticks were taken away, and not by retention, which drops them by the chunk: what is left is to be read anew.
                WHEN touched.removed AND market.tick_chunk_since(touched.bucket) IS NOT NULL
                THEN 0
                ELSE coalesce(stored.seconds::bigint, 0)
            END
        )::bit(60) AS seconds
    FROM touched
    LEFT JOIN sampled USING (feed, bucket)
    LEFT JOIN edges USING (feed, bucket)
    LEFT JOIN market.feed_minutes AS stored USING (feed, bucket)
), calendars AS MATERIALIZED (
    SELECT DISTINCT feed, calendar FROM market.instruments
), graded AS (
    SELECT known.*, known.seconds | coalesce(whole.seconds, 0)::bit(60) AS found
    FROM known
    CROSS JOIN LATERAL (
        SELECT bit_or(1::bigint << (59 - floor(date_part('second', t.time))::integer)) AS seconds
        FROM market.instruments AS n
        JOIN market.ticks AS t USING (instrument_id)
        WHERE n.feed = known.feed
            AND t.time >= known.bucket AND t.time < known.bucket + INTERVAL '1 minute'
            AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled
            AND known.silence_limit < 60 AND market.longest_silence(known.seconds) >= known.silence_limit
            AND EXISTS (
                SELECT FROM calendars
                WHERE calendars.feed = known.feed AND market.is_expected(calendars.calendar, known.bucket)
            )
    ) AS whole
)
SELECT
    feed, bucket, found AS seconds, found IS DISTINCT FROM stored AS changed,
    silence_limit < 60 AND market.longest_silence(found) >= silence_limit AS silent,
    CASE WHEN stored IS NOT NULL THEN silence_limit < 60 AND market.longest_silence(stored) >= silence_limit END AS was_silent
FROM graded;
