-- Remembers of the instruments whose hours were counted: the earliest minute that had a candle; the earliest hour with one that
-- no import brought, since when its feed is live; and the sessions of what was imported before that, which may begin the evening
-- before; outside of sessions, the hours. A vendor's candles in there have healed a gap.
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
), imported AS (
    SELECT
        seen.instrument_id,
        -- Without a session both bounds would be null, and the range without end.
        range_agg(
            tstzrange(coalesce(s.opens_at, seen.hour), coalesce(s.closes_at, seen.hour + INTERVAL '1 hour'))
        ) AS days
    FROM seen
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
    FROM seen LEFT JOIN sent USING (instrument_id) LEFT JOIN imported USING (instrument_id)
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
