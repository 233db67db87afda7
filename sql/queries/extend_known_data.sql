-- Remembers of the instruments whose hours were counted: the earliest minute that had a candle; the earliest hour with one that
-- no import brought, since when its feed is live; and the days of what was imported before that. A vendor's candles on such
-- days have healed a gap there.
WITH seen AS MATERIALIZED (
    SELECT
        instrument_id, h.hour, h.hour + (position(B'1' IN h.complete | h.partial) - 1) * INTERVAL '1 minute' AS minute,
        (n.live_since <= h.hour) IS TRUE AS is_live, n.history @> h.hour AS in_history
    FROM taken_hours
    JOIN market.candle_hours AS h USING (instrument_id, hour)
    JOIN market.instruments AS n USING (instrument_id)
    WHERE h.dataset = :'dataset' AND bit_count(h.complete | h.partial) > 0
        AND h.hour >= :'starts'::timestamptz AND h.hour < :'ends'::timestamptz
), brought AS MATERIALIZED (
    SELECT
        instrument_id, range_agg(tstzrange(starts, ends)) AS hours,
        range_agg(tstzrange(starts, ends)) FILTER (WHERE table_name = 'ticks') AS of_ticks
    FROM market.imports
    WHERE tstzrange(starts, ends) && tstzrange(:'starts'::timestamptz, :'ends'::timestamptz)
    GROUP BY instrument_id
), sent AS (
    SELECT seen.instrument_id, min(seen.hour) AS since
    FROM seen
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
), come AS (
    SELECT
        instrument_id, min(seen.minute) AS minute, min(sent.since) AS since,
        range_agg(tstzrange(day.starts, day.starts + INTERVAL '24 hours'))
            FILTER (WHERE NOT seen.is_live AND (sent.since <= seen.hour) IS NOT TRUE) AS days
    FROM seen
    LEFT JOIN sent USING (instrument_id)
    CROSS JOIN LATERAL (SELECT date_bin('1 day', seen.hour, '2000-01-01 00:00Z') AS starts) AS day
    GROUP BY instrument_id
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
