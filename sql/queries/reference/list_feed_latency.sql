-- How late the ticks of each feed that should be sending come: within how many seconds of their own time half of those received in
-- the five minutes up to :at came, and 99 in 100. Of up to 400 instruments a feed, others each minute, the newest 4,000 ticks
-- in all, at least ten of each: an index probe an instrument, and no look at any chunk but those of the last hour. What an import
-- brought says nothing of its feed.
WITH listed AS MATERIALIZED (
    SELECT feed, instrument_id
    FROM market.instruments
    WHERE (listed_at > :'at'::timestamptz) IS NOT TRUE AND (delisted_at <= :'at'::timestamptz) IS NOT TRUE
        AND feed NOT IN (SELECT feed FROM market.feeds WHERE NOT live UNION ALL SELECT feed FROM market.imported_feeds)
), sampled AS (
    SELECT listed.feed, listed.instrument_id, greatest(4000 / f.instruments, 10) AS ticks
    FROM (SELECT feed, count(*) AS instruments FROM listed GROUP BY feed) AS f
    JOIN listed USING (feed)
    CROSS JOIN LATERAL (SELECT (f.instruments + 399) / 400 AS parts) AS share
    WHERE abs(hashint4(listed.instrument_id)::bigint) % share.parts
        = extract(epoch FROM :'at'::timestamptz)::bigint / 60 % share.parts
), imported AS MATERIALIZED (
    SELECT instrument_id, range_agg(tstzrange(starts, ends)) AS stretches
    FROM market.imports
    WHERE table_name = 'ticks'
        AND tstzrange(starts, ends) && tstzrange(:'at'::timestamptz - INTERVAL '1 hour', :'at'::timestamptz, '[]')
    GROUP BY instrument_id
), came AS (
    SELECT s.feed, extract(epoch FROM t.received_at - t.time)::double precision AS seconds
    FROM sampled AS s
    LEFT JOIN imported AS i USING (instrument_id)
    CROSS JOIN LATERAL (
        -- The bounds are constant, so that the chunks before them are never opened.
        SELECT time, received_at FROM market.ticks
        WHERE instrument_id = s.instrument_id
            AND time > :'at'::timestamptz - INTERVAL '1 hour' AND time <= :'at'::timestamptz
        ORDER BY time DESC, seq DESC LIMIT s.ticks
    ) AS t
    WHERE t.received_at > :'at'::timestamptz - INTERVAL '5 minutes' AND t.received_at <= :'at'::timestamptz
        AND (i.stretches @> t.time) IS NOT TRUE
)
SELECT
    feed,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS latency_p50_seconds,
    percentile_disc(0.99) WITHIN GROUP (ORDER BY seconds) AS latency_p99_seconds
FROM came
GROUP BY feed
ORDER BY feed;
