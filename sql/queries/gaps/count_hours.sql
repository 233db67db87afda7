-- Counts the hours whose candles changed, in running order, in one transaction that holds the lock of `lock_gaps`.

-- step: create_taken_hours
-- Hours on their way into market.candle_hours.
CREATE TEMPORARY TABLE taken_hours (instrument_id integer NOT NULL, hour timestamptz NOT NULL) ON COMMIT DROP;

-- step: take_uncounted
-- Takes the marks of a window: the hours whose rows must be counted again.
-- The marks go in the same transaction as the hours are written: a run that dies leaves both as they were.
-- In the order in which rows mostly came, so that what is read for one instrument is at hand for the next.
WITH taken AS (
    DELETE FROM market.marks
    WHERE dataset = :'dataset' AND work = 'count' AND hour >= :'starts'::timestamptz AND hour < :'ends'::timestamptz
    RETURNING hour, instrument_ids
)
INSERT INTO taken_hours (instrument_id, hour)
SELECT DISTINCT marked.instrument_id, taken.hour
FROM taken CROSS JOIN unnest(taken.instrument_ids) AS marked (instrument_id)
ORDER BY taken.hour, marked.instrument_id;

-- or step: take_uncounted_parts
-- The same where rows are expected of each part of an instrument by itself: the marks name the whole. A part that has ended gets
-- no more rows.
WITH taken AS (
    DELETE FROM market.marks
    WHERE dataset = :'dataset' AND work = 'count' AND hour >= :'starts'::timestamptz AND hour < :'ends'::timestamptz
    RETURNING hour, instrument_ids
)
INSERT INTO taken_hours (instrument_id, hour)
SELECT DISTINCT p.instrument_id, taken.hour
FROM taken
CROSS JOIN unnest(taken.instrument_ids) AS marked (instrument_id)
JOIN market.parts AS p ON p.dataset = :'dataset' AND p.whole_id = marked.instrument_id
JOIN market.instruments AS n ON n.instrument_id = p.instrument_id AND (n.delisted_at < taken.hour) IS NOT TRUE
ORDER BY taken.hour, p.instrument_id;

-- or step: take_uncounted_beats
-- The same where an operator sets the cadence: a row counts for all hours of its beat. Marks name the instruments of rows, or, once
-- another cadence is set, what represents the source: then earlier hours are counted as well.
WITH taken AS (
    DELETE FROM market.marks
    WHERE dataset = :'dataset' AND work = 'beat' AND hour >= :'starts'::timestamptz AND hour < :'ends'::timestamptz
    RETURNING hour, instrument_ids
)
INSERT INTO taken_hours (instrument_id, hour)
SELECT DISTINCT k.instrument_id, beat.hour
FROM taken
JOIN market.cadences AS k
    ON k.dataset = :'dataset' AND (k.whole_id IS NULL OR k.whole_id = ANY (instrument_ids) OR k.instrument_id = ANY (instrument_ids))
CROSS JOIN LATERAL generate_series(
    date_bin(greatest(k.every, INTERVAL '1 hour'), taken.hour, '2000-01-01 00:00Z'),
    date_bin(greatest(k.every, INTERVAL '1 hour'), taken.hour, '2000-01-01 00:00Z') + k.every - INTERVAL '1 second',
    INTERVAL '1 hour'
) AS beat (hour)
WHERE beat.hour + INTERVAL '1 hour' > k.since OR k.instrument_id = ANY (instrument_ids);

-- step: count_candle_hours
-- Counts the taken hours again, from the rows of a data set that are in them now, as in psql -v relation=candles. An hour that
-- is known so already is not touched: ON CONFLICT alone would lock its row, which writes to it.
INSERT INTO market.candle_hours AS known (dataset, instrument_id, hour, complete, partial, trades)
SELECT :'dataset', taken.instrument_id, taken.hour, counted.complete, counted.partial, counted.trades
FROM taken_hours AS taken
CROSS JOIN LATERAL (
    SELECT
        coalesce(bit_or(minute.bit) FILTER (WHERE NOT c.partial), 0)::bit(60) AS complete,
        coalesce(bit_or(minute.bit) FILTER (WHERE c.partial), 0)::bit(60) AS partial,
        CASE WHEN count(*) = count(c.trades) THEN coalesce(sum(c.trades), 0)::bigint END AS trades
    FROM market.:"relation" AS c
    CROSS JOIN LATERAL (SELECT 1::bigint << (59 - date_part('minute', c.time AT TIME ZONE 'UTC')::integer) AS bit) AS minute
    WHERE c.instrument_id = taken.instrument_id AND c.time >= taken.hour AND c.time < taken.hour + INTERVAL '1 hour'
        -- Said again as constants, so that chunks are excluded while planning.
        AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
) AS counted
LEFT JOIN LATERAL (
    SELECT h.complete, h.partial, h.trades
    FROM market.candle_hours AS h
    WHERE h.dataset = :'dataset' AND h.instrument_id = taken.instrument_id AND h.hour = taken.hour
        AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz
    LIMIT 1
) AS stored ON true
WHERE (stored.complete, stored.partial, stored.trades) IS DISTINCT FROM (counted.complete, counted.partial, counted.trades)
ON CONFLICT (dataset, instrument_id, hour) DO UPDATE
SET complete = excluded.complete, partial = excluded.partial, trades = excluded.trades;

-- or step: count_beats
-- The same where an operator sets the cadence: all minutes of a beat have a row where one of them has, in beats since it was set.
-- They are as long as a day, and may reach as far beyond the hours whose marks were taken.
INSERT INTO market.candle_hours AS known (dataset, instrument_id, hour, complete, partial, trades)
WITH beats AS MATERIALIZED (
    SELECT DISTINCT k.instrument_id, beat.starts, beat.starts + k.every AS ends
    FROM taken_hours AS taken
    JOIN market.cadences AS k USING (instrument_id)
    CROSS JOIN LATERAL generate_series(
        date_bin(k.every, taken.hour, '2000-01-01 00:00Z'), taken.hour + INTERVAL '59 minutes', k.every
    ) AS beat (starts)
), kept AS MATERIALIZED (
    SELECT b.instrument_id, b.starts, b.ends
    FROM beats AS b
    JOIN market.cadences AS k ON k.instrument_id = b.instrument_id AND k.since <= b.starts
    CROSS JOIN LATERAL (
        SELECT FROM market.:"relation" AS r
        WHERE r.instrument_id = b.instrument_id AND r.time >= b.starts AND r.time < b.ends
            -- Said again as constants, so that chunks are excluded while planning.
            AND r.time >= :'starts'::timestamptz - INTERVAL '1 day' AND r.time < :'ends'::timestamptz + INTERVAL '1 day'
        LIMIT 1
    ) AS any_row
), counted AS (
    SELECT
        taken.instrument_id, taken.hour,
        coalesce(
            bit_or(market.minute_mask(market.minute_of(taken.hour, k.starts), market.minute_of(taken.hour, k.ends)))
                FILTER (WHERE k.starts IS NOT NULL),
            0::bit(60)
        ) AS complete
    FROM taken_hours AS taken
    LEFT JOIN kept AS k
        ON k.instrument_id = taken.instrument_id AND k.starts < taken.hour + INTERVAL '1 hour' AND k.ends > taken.hour
    GROUP BY taken.instrument_id, taken.hour
)
SELECT :'dataset', counted.instrument_id, counted.hour, counted.complete, 0::bit(60), NULL
FROM counted
LEFT JOIN LATERAL (
    SELECT h.complete
    FROM market.candle_hours AS h
    WHERE h.dataset = :'dataset' AND h.instrument_id = counted.instrument_id AND h.hour = counted.hour
        AND h.hour >= :'starts'::timestamptz - INTERVAL '1 day' AND h.hour < :'ends'::timestamptz + INTERVAL '1 day'
    LIMIT 1
) AS stored ON true
WHERE stored.complete IS DISTINCT FROM counted.complete
ON CONFLICT (dataset, instrument_id, hour) DO UPDATE SET complete = excluded.complete;

-- step: create_seen_hours
-- Of the hours that were counted those with a candle, and what their instruments know of themselves so far.
CREATE TEMPORARY TABLE seen_hours ON COMMIT DROP AS
SELECT
    instrument_id, h.hour, h.hour + (position(B'1' IN h.complete | h.partial) - 1) * INTERVAL '1 minute' AS minute,
    (n.live_since <= h.hour) IS TRUE AS is_live, n.history @> h.hour AS in_history
FROM taken_hours
JOIN market.candle_hours AS h USING (instrument_id, hour)
JOIN market.instruments AS n USING (instrument_id)
WHERE h.dataset = :'dataset' AND bit_count(h.complete | h.partial) > 0
    AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz;

-- step: analyze_seen_hours
-- Shows the planner how many these are: of ten thousand new instruments it would compare each with each.
ANALYZE seen_hours;

-- step: extend_known_data
-- Remembers of the instruments whose hours were counted: the earliest minute that had a candle; the earliest hour with one that
-- no import brought, since when its feed is live; and the sessions of what was imported before that, which may begin the evening
-- before; outside of sessions, the hours. A vendor's candles in there have healed a gap.
WITH brought AS MATERIALIZED (
    SELECT
        instrument_id, range_agg(tstzrange(starts, ends)) AS hours,
        range_agg(tstzrange(starts, ends)) FILTER (WHERE table_name = 'ticks') AS of_ticks
    FROM market.imports
    WHERE table_name IN ('ticks', 'candles') AND tstzrange(starts, ends) && tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)
    GROUP BY instrument_id
), sent AS (
    SELECT seen.instrument_id, min(seen.hour) AS since
    FROM seen_hours AS seen
    LEFT JOIN brought USING (instrument_id)
    WHERE NOT seen.is_live AND (brought.of_ticks @> seen.hour) IS NOT TRUE
        AND EXISTS (
            SELECT FROM market.candles AS c
            WHERE c.instrument_id = seen.instrument_id AND c.time >= seen.hour AND c.time < seen.hour + INTERVAL '1 hour'
                AND (c.source <> 'vendor_historical' OR (brought.hours @> seen.hour OR seen.in_history) IS NOT TRUE)
                -- Said again as constants, so that chunks are excluded while planning.
                AND c.time >= :'starts'::timestamptz AND c.time < :'ends'::timestamptz
        )
        -- Of ticks that are dropped nobody knows any more who brought them.
        AND NOT (SELECT market.dropped('ticks')) @> seen.hour
    GROUP BY seen.instrument_id
), imported AS MATERIALIZED (  -- once: planned as few, it was made again for each hour
    SELECT
        seen.instrument_id,
        -- Without a session both bounds would be null, and the range without end.
        range_agg(
            tstzrange(coalesce(s.opens_at, seen.hour), coalesce(s.closes_at, seen.hour + INTERVAL '1 hour'))
        ) AS days
    FROM seen_hours AS seen
    JOIN market.instruments AS n USING (instrument_id)
    LEFT JOIN sent USING (instrument_id)
    LEFT JOIN market.sessions AS s
        ON s.calendar = n.calendar AND s.opens_at < seen.hour + INTERVAL '1 hour' AND s.closes_at > seen.hour
        -- By the index: no session is longer.
        AND s.opens_at > seen.hour - INTERVAL '2 days'
    WHERE NOT seen.is_live AND NOT seen.in_history AND (sent.since <= seen.hour) IS NOT TRUE
    GROUP BY seen.instrument_id
), come AS (
    SELECT instrument_id, min(seen.minute) AS minute, min(sent.since) AS since, imported.days
    FROM seen_hours AS seen LEFT JOIN sent USING (instrument_id) LEFT JOIN imported USING (instrument_id)
    GROUP BY instrument_id, imported.days
)
UPDATE market.instruments AS n
SET
    data_from = least(n.data_from, come.minute),
    live_since = least(n.live_since, come.since),
    history = CASE WHEN n.history @> come.days IS NOT FALSE THEN n.history ELSE market.join_days(n.history + come.days) END
FROM come
WHERE n.instrument_id = come.instrument_id AND (
    (n.data_from <= come.minute) IS NOT TRUE OR n.live_since > come.since OR (n.live_since IS NULL AND come.since IS NOT NULL)
    OR NOT n.history @> come.days
);

-- or step: extend_known_rows
-- Remembers the same of another data set: the earliest minute that ever had a row; the earliest hour with one that no import
-- brought; the sessions of what was imported before that.
WITH seen AS MATERIALIZED (
    SELECT
        h.instrument_id, h.hour, h.hour + (position(B'1' IN h.complete | h.partial) - 1) * INTERVAL '1 minute' AS minute,
        (known.live_since <= h.hour) IS TRUE AS is_live, (known.history @> h.hour) IS TRUE AS in_history
    FROM taken_hours
    JOIN market.candle_hours AS h USING (instrument_id, hour)
    LEFT JOIN market.known_data AS known ON known.dataset = :'dataset' AND known.instrument_id = h.instrument_id
    WHERE h.dataset = :'dataset' AND bit_count(h.complete | h.partial) > 0
        AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz
), imported AS MATERIALIZED (
    SELECT instrument_id, range_agg(tstzrange(starts, ends)) AS hours
    FROM market.brought
    WHERE dataset = :'dataset' AND tstzrange(starts, ends) && tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)
    GROUP BY instrument_id
), days AS MATERIALIZED (
    SELECT
        seen.instrument_id,
        range_agg(
            tstzrange(coalesce(s.opens_at, seen.hour), coalesce(s.closes_at, seen.hour + INTERVAL '1 hour'))
        ) AS stretches
    FROM seen
    JOIN imported USING (instrument_id)
    JOIN market.instruments AS n USING (instrument_id)
    LEFT JOIN market.sessions AS s
        ON s.calendar = n.calendar AND s.opens_at < seen.hour + INTERVAL '1 hour' AND s.closes_at > seen.hour
        -- By the index: no session is longer.
        AND s.opens_at > seen.hour - INTERVAL '2 days'
    WHERE imported.hours @> seen.hour AND NOT seen.is_live AND NOT seen.in_history
    GROUP BY seen.instrument_id
), come AS (
    SELECT
        instrument_id, min(seen.minute) AS data_from,
        min(seen.hour) FILTER (WHERE NOT seen.in_history AND (imported.hours @> seen.hour) IS NOT TRUE) AS live_since
    FROM seen LEFT JOIN imported USING (instrument_id)
    GROUP BY instrument_id
)
INSERT INTO market.known_data AS known (dataset, instrument_id, data_from, live_since, history)
SELECT :'dataset', instrument_id, come.data_from, come.live_since, market.join_days(coalesce(days.stretches, '{}'))
FROM come LEFT JOIN days USING (instrument_id)
ON CONFLICT (dataset, instrument_id) DO UPDATE SET
    data_from = least(known.data_from, excluded.data_from),
    live_since = least(known.live_since, excluded.live_since),
    history = market.join_days(known.history + excluded.history)
WHERE known.data_from > excluded.data_from OR known.live_since > excluded.live_since
    OR (known.live_since IS NULL AND excluded.live_since IS NOT NULL) OR NOT known.history @> excluded.history;
