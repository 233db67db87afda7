-- How many instruments, of one key and its parts, or all (''), one feed or all (''), have expected minutes in [:starts, :ends)
-- that no gap monitor has judged, and where the first of these stretches starts and the last one ends. Without :ends up to where
-- the newest look ended, or else up to :due.
WITH judged AS MATERIALIZED (
    SELECT instrument_id, range_agg(stretches) AS stretches FROM market.judged_stretches
    WHERE dataset = :'dataset'
    GROUP BY instrument_id
), bounds AS MATERIALIZED (
    SELECT least(:'due'::timestamptz, coalesce(:'ends'::timestamptz, (SELECT max(upper(stretches)) FROM judged))) AS ends
), unknown AS (
    SELECT n.instrument_id, n.calendar, part.stretch
    FROM market.instruments AS n
    CROSS JOIN bounds
    JOIN market.lives AS whole USING (instrument_id)
    LEFT JOIN judged AS j USING (instrument_id)
    CROSS JOIN LATERAL unnest(
        CASE
            WHEN :'starts'::timestamptz < bounds.ends
            THEN whole.life * tstzmultirange(tstzrange(:'starts'::timestamptz, bounds.ends)) - coalesce(j.stretches, '{}')
            ELSE '{}'
        END
    ) AS part (stretch)
    WHERE whole.dataset = :'dataset' AND :'feed' IN ('', n.feed)
        AND (:'instrument_key' = '' OR n.instrument_id IN (SELECT market.instruments_of(:'dataset', :'instrument_key')))
), open AS MATERIALIZED (
    -- The market may have been closed all the while; most instruments share their stretches.
    SELECT each.calendar, each.stretch
    FROM (SELECT DISTINCT calendar, stretch FROM unknown) AS each
    WHERE EXISTS (
        SELECT FROM market.expected_stretches(:'dataset', lower(each.stretch), upper(each.stretch)) AS s
        WHERE s.calendar = each.calendar AND market.minute_of(s.hour, s.starts) < market.minute_of(s.hour, s.ends)
    )
)
SELECT count(DISTINCT instrument_id) AS instruments, min(lower(stretch)) AS starts, max(upper(stretch)) AS ends
FROM unknown
JOIN open USING (calendar, stretch);
