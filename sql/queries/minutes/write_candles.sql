-- How candles are written, in running order, in one transaction that holds the lock of `lock_candles`. What must be made
-- comes from marks, from named buckets, from ticks that are compared with their candles, or as a vendor's candles; the
-- latter go to upsert_candles at once.

-- step: create_touched_buckets
-- The buckets a transaction is about to make candles of, from any of the finders.
CREATE TEMPORARY TABLE touched_buckets (
    instrument_id integer NOT NULL,
    bucket timestamptz NOT NULL,
    ticks bigint NOT NULL,  -- inserted since the bucket was last written, as the marks say
    removed boolean NOT NULL,  -- ticks were changed or deleted, so the bucket may have fewer than its candle says
    tampered boolean NOT NULL  -- the candle is lost, or was changed by another program
) ON COMMIT DROP;

-- step: create_incoming_candles
-- Candles on their way into market.candles. Every writer fills this table, and upsert_candles decides what is written.
-- A row without trades and without prices says that no tick of its bucket is left.
CREATE TEMPORARY TABLE incoming_candles (
    instrument_id integer NOT NULL,
    time timestamptz NOT NULL,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume numeric,
    turnover numeric,
    trades bigint,
    price_eligible boolean,
    partial boolean,
    source market.candle_source NOT NULL,
    version bigint NOT NULL
) ON COMMIT DROP;

-- step: scan_stretches
-- For what reads a stretch of time over all instruments: in the order of the pages (BRIN), and hashed, in memory. The planner would
-- rather sort, or go through the primary key, at twice the cost. One more process may help, if the server has one to spare: a
-- second one costs more of the processors than it saves of the time, as each folds every instrument.
SELECT
    set_config('enable_indexscan', 'off', true), set_config('enable_sort', 'off', true),
    set_config('hash_mem_multiplier', '40', true),
    set_config('max_parallel_workers_per_gather', least(current_setting('max_parallel_workers_per_gather')::integer, 1)::text, true);

-- or step: probe_again
-- For all else.
SELECT set_config('enable_indexscan', 'on', true), set_config('enable_sort', 'on', true);

-- step: has_candles
-- Whether any candle is in a window. Counted, as BRIN counts them: to find one, the planner may begin with the whole chunk.
SELECT count(*) > 0 AS has_candles
FROM market.candles
WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz;

-- step: take_marks
-- Takes the dirty marks of a window into touched_buckets. The marks go in the same transaction as their candles are written: a run
-- that dies leaves both as they were. With :is_new, those of a dense minute that has no candle yet: where all of them report new
-- ticks alone, the fold finds what they name, and they are not unpacked. 600,000 names, where ticks are written each second,
-- take longer than the fold.
WITH taken AS (
    DELETE FROM market.dirty
    WHERE dataset = :'dataset' AND bucket >= :'starts'::timestamptz AND bucket < :'ends'::timestamptz
    RETURNING bucket, instrument_ids, ticks
)
INSERT INTO touched_buckets (instrument_id, bucket, ticks, removed, tampered)
SELECT marked.instrument_id, taken.bucket, sum(greatest(marked.ticks, 0)), bool_or(marked.ticks = 0), bool_or(marked.ticks < 0)
FROM taken
CROSS JOIN unnest(taken.instrument_ids, taken.ticks) AS marked (instrument_id, ticks)
WHERE NOT :'is_new'::boolean OR (SELECT bool_or(0 >= ANY (ticks)) FROM taken)
GROUP BY marked.instrument_id, taken.bucket;

-- or step: touch_buckets
-- Names buckets whose candles are lost: two arrays of equal length, into touched_buckets.
INSERT INTO touched_buckets (instrument_id, bucket, ticks, removed, tampered)
SELECT instrument_id, bucket, 0, false, true
FROM unnest(:'instrument_ids'::integer[], :'buckets'::timestamptz[]) AS named (instrument_id, bucket);

-- or step: fill_incoming_candles
-- Hands a vendor's candles, which come as arrays of equal length, on as incoming_candles.
-- A vendor that counts no trades says 0 or nothing: both mean that the number is not known.
INSERT INTO incoming_candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial, source, version
)
SELECT
    c.instrument_id, c.time, c.open, c.high, c.low, c.close, c.volume, c.turnover, nullif(c.trades, 0),
    true, false, 'vendor_historical', 0
FROM unnest(
    :'instrument_ids'::integer[], :'times'::timestamptz[], :'opens'::numeric[], :'highs'::numeric[], :'lows'::numeric[],
    :'closes'::numeric[], :'volumes'::numeric[], :'turnovers'::numeric[], :'trades'::bigint[]
) AS c (instrument_id, time, open, high, low, close, volume, turnover, trades);

-- step: empty_incoming_candles
-- Makes room for the next lot.
TRUNCATE incoming_candles;

-- step: count_late_ticks
-- Ticks that arrived after their bucket had been aggregated: those of touched buckets where a candle made of ticks is stored.
SELECT coalesce(sum(b.ticks), 0)::bigint AS late
FROM touched_buckets AS b
JOIN market.candles AS c
    ON c.instrument_id = b.instrument_id AND c.time = b.bucket
    AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
WHERE c.source <> 'vendor_historical';

-- step: fold_stretch
-- Folds one minute in which many instruments changed: reads it as one stretch of time (BRIN), whole.
-- CREATE TABLE AS, since INSERT cannot run parallel.
-- Opens and closes are the least and the greatest of the first and last seconds, in the order of (time, seq): arrays compare by
-- one element after another. first() and last() take longer, above all to hand what they hold from one process to the other.
-- Where no tick came in those seconds, price_edges probes for it.
CREATE TEMPORARY TABLE folded_buckets ON COMMIT DROP AS
SELECT
    instrument_id,
    :'starts'::timestamptz AS bucket,
    max(price) FILTER (WHERE updates_ohlc) IS NOT NULL AS price_eligible,
    max(time) AS last_at,
    (min(ARRAY[_timescaledb_functions.to_unix_microseconds(time), seq, price])
        FILTER (WHERE time < (SELECT :'starts'::timestamptz + INTERVAL '2 seconds') AND updates_ohlc))[3] AS open,
    max(price) FILTER (WHERE updates_ohlc) AS high,
    min(price) FILTER (WHERE updates_ohlc) AS low,
    (max(ARRAY[_timescaledb_functions.to_unix_microseconds(time), seq, price])
        FILTER (WHERE time >= (SELECT :'ends'::timestamptz - INTERVAL '2 seconds') AND updates_ohlc))[3] AS close,
    coalesce(sum(size) FILTER (WHERE updates_volume), 0) AS volume,
    coalesce(sum(price * size) FILTER (WHERE updates_volume), 0) AS turnover,
    count(*) AS trades
FROM market.ticks
WHERE time >= :'starts'::timestamptz AND time < :'ends'::timestamptz AND NOT cancelled
GROUP BY instrument_id;

-- or step: fold_buckets
-- Folds touched_buckets one by one, each through the primary key of ticks: for single late minutes of few instruments.
-- The same fold as fold_stretch; price_edges probes for every open and close.
CREATE TEMPORARY TABLE folded_buckets ON COMMIT DROP AS
SELECT
    b.instrument_id, b.bucket, f.high IS NOT NULL AS price_eligible, f.last_at,
    null::numeric AS open, f.high, f.low, null::numeric AS close, f.volume, f.turnover, f.trades
FROM touched_buckets AS b
CROSS JOIN LATERAL (
    SELECT
        max(t.time) AS last_at,
        max(t.price) FILTER (WHERE t.updates_ohlc) AS high,
        min(t.price) FILTER (WHERE t.updates_ohlc) AS low,
        coalesce(sum(t.size) FILTER (WHERE t.updates_volume), 0) AS volume,
        coalesce(sum(t.price * t.size) FILTER (WHERE t.updates_volume), 0) AS turnover,
        count(*) AS trades
    FROM market.ticks AS t
    WHERE t.instrument_id = b.instrument_id AND t.time >= b.bucket AND t.time < b.bucket + INTERVAL '1 minute'
        -- Said again as constants, so that chunks are excluded while planning.
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled
) AS f
WHERE f.trades > 0;

-- step: fold_ineligible
-- Where no tick of a bucket may set prices, all of its ticks do. Such buckets are few: to fold all of them both ways took
-- half as long again.
UPDATE folded_buckets AS f
SET (high, low) = (
    SELECT max(t.price), min(t.price)
    FROM market.ticks AS t
    WHERE t.instrument_id = f.instrument_id AND t.time >= f.bucket AND t.time < f.bucket + INTERVAL '1 minute'
        AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
        AND NOT t.cancelled
)
WHERE NOT price_eligible;

-- step: price_edges
-- Finds the opens and closes of folded_buckets that are not known yet. Order is (time, seq): several ticks may share the first
-- or last time of a bucket, so seq decides among just those.
-- One probe each, whatever the planner expects of them: joined as sets of their own, 10,000 took it 10 s at times.
UPDATE folded_buckets AS f
SET
    open = coalesce(f.open, (
        SELECT t.price
        FROM market.ticks AS t
        WHERE t.instrument_id = f.instrument_id AND t.time >= f.bucket AND t.time < f.bucket + INTERVAL '1 minute'
            AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
            AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
        ORDER BY t.time, t.seq
        LIMIT 1
    )),
    close = coalesce(f.close, (
        SELECT t.price
        FROM market.ticks AS t
        WHERE t.instrument_id = f.instrument_id AND t.time >= f.bucket AND t.time < f.bucket + INTERVAL '1 minute'
            AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz
            AND NOT t.cancelled AND (t.updates_ohlc OR NOT f.price_eligible)
        ORDER BY t.time DESC, t.seq DESC
        LIMIT 1
    ))
WHERE f.open IS NULL OR f.close IS NULL;

-- step: list_touched_instruments
-- The instruments whose buckets a piece of work has touched.
SELECT coalesce(array_agg(instrument_id), '{}') AS instrument_ids
FROM (SELECT instrument_id FROM touched_buckets UNION SELECT instrument_id FROM folded_buckets) AS touched;

-- step: grade_feed_minutes
-- Finds for each touched minute of each feed whether the feed fell silent in it, and whether that was known before.
-- A feed lives if any of its instruments does: the touched ones that traded most, and what is stored of the minute, all but
-- always show that. Only a minute that still looks silent, in open hours, is read whole.
CREATE TEMPORARY TABLE graded_feed_minutes ON COMMIT DROP AS
WITH shares AS MATERIALIZED (  -- read already: so the last second of a minute is known to be that, whatever traded then
    SELECT
        n.feed, f.bucket, bit_or(1::bigint << (59 - floor(date_part('second', f.last_at))::integer)) AS seconds,
        -- Who traded most, of a twentieth of all instruments; in one number, as to sort them takes longer.
        max(f.trades << 31 | f.instrument_id) & (1::bigint << 31) - 1 AS busiest
    FROM folded_buckets AS f
    JOIN market.instruments AS n USING (instrument_id)
    GROUP BY n.feed, f.bucket, f.instrument_id % 20
), folded AS (
    SELECT feed, bucket, bit_or(seconds) AS seconds FROM shares GROUP BY feed, bucket
), touched AS (
    SELECT feed, bucket, bool_or(removed) AS removed
    FROM (
        SELECT n.feed, b.bucket, b.removed
        FROM touched_buckets AS b
        JOIN market.instruments AS n USING (instrument_id)
        UNION ALL
        SELECT feed, bucket, false FROM folded
    ) AS changed
    GROUP BY feed, bucket
), sampled AS (
    SELECT shares.feed, shares.bucket, bit_or(own.seconds) AS seconds
    FROM shares
    CROSS JOIN LATERAL (
        SELECT bit_or(1::bigint << (59 - floor(date_part('second', t.time))::integer)) AS seconds
        FROM market.ticks AS t
        WHERE t.instrument_id = shares.busiest
            AND t.time >= shares.bucket AND t.time < shares.bucket + INTERVAL '1 minute'
            AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled
    ) AS own
    GROUP BY shares.feed, shares.bucket
), known AS MATERIALIZED (
    SELECT
        touched.feed, touched.bucket, stored.seconds AS stored, market.silence_limit(touched.feed) AS silence_limit,
        (
            coalesce(sampled.seconds, 0) | coalesce(folded.seconds, 0) | CASE
                -- Ticks were taken away, and not by retention, which drops them by the chunk: what is left must be read again.
                WHEN touched.removed AND market.tick_chunk_since(touched.bucket) IS NOT NULL
                THEN 0
                ELSE coalesce(stored.seconds::bigint, 0)
            END
        )::bit(60) AS seconds
    FROM touched
    LEFT JOIN sampled USING (feed, bucket)
    LEFT JOIN folded USING (feed, bucket)
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

-- step: record_feed_minutes
-- Keeps what feeds did, second by second. A minute that is known so already is not touched: ON CONFLICT alone would lock its
-- row, which writes to it.
INSERT INTO market.feed_minutes (feed, bucket, seconds)
SELECT feed, bucket, seconds FROM graded_feed_minutes WHERE changed
ON CONFLICT (feed, bucket) DO UPDATE SET seconds = excluded.seconds;

-- step: collect_candles
-- Hands folded_buckets on as incoming_candles; a touched bucket without ticks goes along empty.
-- Writers of ticks do not wait for us: one that committed since the fold may have put another price at an edge, or taken the
-- edge away. It left a mark, so the next run has the last word; until then a candle includes its own open and close, and one
-- that has lost an edge stays as it was.
INSERT INTO incoming_candles
SELECT
    b.instrument_id, b.bucket, f.open, greatest(f.high, f.open, f.close), least(f.low, f.open, f.close), f.close,
    f.volume, f.turnover, f.trades, f.price_eligible,
    CASE WHEN g.silent THEN market.is_expected(n.calendar, b.bucket) ELSE false END,
    made.source,
    CASE made.source
        WHEN 'live_aggregated' THEN extract(epoch FROM b.bucket) * 1000
        WHEN 'live_gap_filled' THEN extract(epoch FROM b.bucket) * 1000 - 1
        WHEN 'historical_aggregated' THEN 1
    END
FROM touched_buckets AS b
JOIN market.instruments AS n ON n.instrument_id = b.instrument_id
LEFT JOIN graded_feed_minutes AS g ON g.feed = n.feed AND g.bucket = b.bucket
LEFT JOIN folded_buckets AS f ON f.instrument_id = b.instrument_id AND f.bucket = b.bucket
CROSS JOIN LATERAL (
    SELECT CASE
        -- No tick came, so a candle that is not there was lost: this fills a gap.
        WHEN b.tampered AND b.ticks = 0 AND NOT b.removed AND :'source'::market.candle_source = 'live_aggregated'
        THEN 'live_gap_filled'
        ELSE :'source'::market.candle_source
    END AS source
) AS made
WHERE f.trades IS NULL OR (f.open IS NOT NULL AND f.close IS NOT NULL);

-- step: regrade_candles
-- A late tick may show that a feed was alive after all, a deleted one that it was not: the other candles of such a minute
-- are no longer, or are now, partial. A candle whose own ticks retention has dropped had more of its feed than is left.
INSERT INTO incoming_candles
SELECT
    c.instrument_id, c.time, c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades, c.price_eligible,
    NOT c.partial, c.source, c.version
FROM graded_feed_minutes AS g
JOIN market.instruments AS n USING (feed)
JOIN market.candles AS c
    ON c.instrument_id = n.instrument_id AND c.time = g.bucket
    AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
WHERE g.silent <> g.was_silent
    AND c.source <> 'vendor_historical'
    AND c.partial <> (g.silent AND market.is_expected(n.calendar, g.bucket))
    AND (
        c.partial OR EXISTS (
            SELECT FROM market.ticks AS t
            WHERE t.instrument_id = c.instrument_id AND t.time >= c.time AND t.time < c.time + INTERVAL '1 minute'
                AND t.time >= :'starts'::timestamptz AND t.time < :'ends'::timestamptz AND NOT t.cancelled
        )
    )
    AND NOT EXISTS (SELECT FROM touched_buckets AS b WHERE b.instrument_id = c.instrument_id AND b.bucket = c.time);

-- step: upsert_candles
-- The one rule of who replaces whom: writes incoming_candles, all inside one window, into market.candles.
-- An incoming candle wins when its version is higher, when the stored one is partial and it is not, or when the
-- version is equal and the content differs. A candle made of ticks that replaces another such candle is that
-- candle recomputed, and keeps its source. What does not win is never touched: ON CONFLICT alone would lock the row,
-- which writes to it.
WITH contested AS (
    SELECT
        i.instrument_id, i.time, i.open, i.high, i.low, i.close, i.volume, i.turnover, i.trades, i.price_eligible, i.partial,
        CASE WHEN recomputed.is_so THEN stored.source ELSE i.source END AS source,
        CASE WHEN recomputed.is_so THEN stored.version ELSE i.version END AS version,
        stored.version AS stored_version,
        stored.partial AS stored_partial,
        (i.open, i.high, i.low, i.close, i.volume, i.turnover, i.trades, i.price_eligible, i.partial)
            IS DISTINCT FROM
        (stored.open, stored.high, stored.low, stored.close, stored.volume, stored.turnover, stored.trades,
         stored.price_eligible, stored.partial) AS differs
    FROM incoming_candles AS i
    LEFT JOIN market.candles AS stored
        ON stored.instrument_id = i.instrument_id AND stored.time = i.time
        AND stored.time >= :'starts'::timestamptz AND stored.time < :'ends'::timestamptz
    CROSS JOIN LATERAL (
        SELECT i.source <> 'vendor_historical' AND stored.source <> 'vendor_historical' AS is_so
    ) AS recomputed
    LEFT JOIN touched_buckets AS b ON b.instrument_id = i.instrument_id AND b.bucket = i.time
    WHERE i.open IS NOT NULL
        -- Fewer ticks than the candle was made of, though none was taken away: retention dropped the others. Where nobody
        -- watched, or all ticks are new, the chunk shows it: younger than the candle, it holds none of those.
        AND (
            -- False rather than null for a candle that is new: nothing after it is looked up then.
            stored.version IS NOT NULL AND recomputed.is_so AND NOT b.removed AND (
                (i.trades < stored.trades AND NOT b.tampered)
                OR ((i.trades < stored.trades OR i.trades <= b.ticks) AND market.tick_chunk_since(i.time) > stored.updated_at)
            )
        ) IS NOT TRUE
        -- Without a new tick there is no reason to replace a vendor's whole minute by half a minute made of ticks.
        AND (i.partial AND NOT stored.partial AND stored.source = 'vendor_historical' AND b.ticks = 0) IS NOT TRUE
), winners AS (
    SELECT * FROM contested
    WHERE stored_version IS NULL
        OR version > stored_version
        OR (stored_partial AND NOT partial)
        OR (version = stored_version AND differs)
), stamps AS MATERIALIZED (  -- once per calendar and minute, not per candle
    SELECT minute.calendar, minute.time, stamp.session_date, stamp.extended
    FROM (SELECT DISTINCT n.calendar, w.time FROM winners AS w JOIN market.instruments AS n USING (instrument_id)) AS minute
    CROSS JOIN LATERAL market.session_stamp(minute.calendar, minute.time) AS stamp
), written AS (
    INSERT INTO market.candles AS stored (
        instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial,
        session_date, extended, source, version
    )
    SELECT
        w.instrument_id, w.time, w.open, w.high, w.low, w.close, w.volume, w.turnover, w.trades, w.price_eligible, w.partial,
        s.session_date, s.extended, w.source, w.version
    FROM winners AS w
    JOIN market.instruments AS n USING (instrument_id)
    JOIN stamps AS s ON s.calendar = n.calendar AND s.time = w.time
    ON CONFLICT (instrument_id, time) DO UPDATE SET
        open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        volume = excluded.volume, turnover = excluded.turnover, trades = excluded.trades,
        price_eligible = excluded.price_eligible, partial = excluded.partial,
        session_date = excluded.session_date, extended = excluded.extended,
        source = excluded.source, version = excluded.version,
        revision = stored.revision + 1, updated_at = now()
    RETURNING revision
)
SELECT
    count(*) FILTER (WHERE revision = 0) AS written,
    count(*) FILTER (WHERE revision > 0) AS revised
FROM written;

-- or step: insert_candles
-- Writes folded_buckets of one minute that has no candle yet: nothing is contested. In the order of the primary key, whose
-- pages are then at hand. The same candles as those of collect_candles.
INSERT INTO market.candles (
    instrument_id, time, open, high, low, close, volume, turnover, trades, price_eligible, partial,
    session_date, extended, source, version
)
SELECT
    f.instrument_id, f.bucket, f.open, greatest(f.high, f.open, f.close), least(f.low, f.open, f.close), f.close,
    f.volume, f.turnover, f.trades, f.price_eligible, g.silent AND stamp.expected,
    stamp.session_date, stamp.extended, :'source'::market.candle_source, stamp.version
FROM folded_buckets AS f
JOIN market.instruments AS n USING (instrument_id)
JOIN graded_feed_minutes AS g USING (feed, bucket)
JOIN (
    SELECT
        c.calendar, market.is_expected(c.calendar, :'starts'::timestamptz) AS expected, stamped.session_date, stamped.extended,
        CASE :'source'::market.candle_source
            WHEN 'live_aggregated' THEN extract(epoch FROM :'starts'::timestamptz) * 1000
            WHEN 'historical_aggregated' THEN 1
        END::bigint AS version
    FROM market.calendars AS c
    CROSS JOIN LATERAL market.session_stamp(c.calendar, :'starts'::timestamptz) AS stamped
    OFFSET 0  -- once a calendar, not once a candle
) AS stamp USING (calendar)
WHERE f.open IS NOT NULL AND f.close IS NOT NULL
ORDER BY f.instrument_id;

-- step: delete_emptied_candles
-- A bucket whose ticks were all cancelled loses its candle. A vendor's candle was never made of these ticks, and stays; so
-- does one whose ticks have no chunk any more: retention dropped those, nobody cancelled them.
DELETE FROM market.candles AS stored
USING incoming_candles AS i
JOIN touched_buckets AS b ON b.instrument_id = i.instrument_id AND b.bucket = i.time
WHERE i.open IS NULL
    AND b.removed
    AND stored.instrument_id = i.instrument_id AND stored.time = i.time
    AND stored.time >= :'starts'::timestamptz AND stored.time < :'ends'::timestamptz
    AND stored.source <> 'vendor_historical'
    AND market.tick_chunk_since(stored.time) IS NOT NULL;
