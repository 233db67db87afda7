-- What is known around an instrument's minute, next to its ticks, candle and gaps: the session, the feed, what is counted and
-- judged. One row.
SELECT
    c.time_zone, c.known_from, c.known_to, stamp.session_date, stamp.extended,
    market.is_expected(n.calendar, :'minute'::timestamptz) AS market_open,
    whole.life @> :'minute'::timestamptz AS awaited,
    n.feed IN (SELECT feed FROM market.imported_feeds) AS feed_imported,
    s.opens_at, s.closes_at,
    ARRAY(SELECT lower(part) FROM unnest(s.breaks) AS part) AS breaks_start,
    ARRAY(SELECT upper(part) FROM unnest(s.breaks) AS part) AS breaks_end,
    (
        SELECT min(later.opens_at) FROM market.sessions AS later
        WHERE later.calendar = n.calendar AND later.opens_at > :'minute'::timestamptz
    ) AS next_opens_at,
    f.seconds::text AS feed_seconds,
    market.longest_silence(f.seconds) AS longest_silence,
    market.silence_limit(n.feed) AS silence_limit,
    -- Neither, where the hour has not been counted.
    CASE
        WHEN get_bit(h.complete, place.number) = 1 THEN 'complete'
        WHEN get_bit(h.partial, place.number) = 1 THEN 'partial'
        WHEN h.hour IS NOT NULL THEN 'none'
    END AS counted,
    EXISTS (
        SELECT FROM market.marks AS m
        WHERE m.dataset = :'dataset' AND m.work = 'count' AND m.hour = place.hour AND n.instrument_id = ANY (m.instrument_ids)
    ) AS hour_waits,
    (
        SELECT count(*) FROM market.dirty AS d
        WHERE d.dataset = :'dataset' AND d.bucket = :'minute'::timestamptz AND n.instrument_id = ANY (d.instrument_ids)
    ) AS marks,
    ARRAY(
        SELECT j.component FROM market.judged_stretches AS j
        WHERE j.dataset = :'dataset' AND j.instrument_id = n.instrument_id
            AND j.stretches @> tstzrange(:'minute'::timestamptz, :'minute'::timestamptz + INTERVAL '1 minute')
        ORDER BY j.component
    ) AS judged_by
FROM market.instruments AS n
JOIN market.lives AS whole ON whole.dataset = :'dataset' AND whole.instrument_id = n.instrument_id
JOIN market.calendars AS c USING (calendar)
CROSS JOIN LATERAL (
    SELECT
        date_bin('1 hour', :'minute'::timestamptz, '2000-01-01 00:00Z') AS hour,
        date_part('minute', :'minute'::timestamptz)::integer AS number
) AS place
CROSS JOIN LATERAL market.session_stamp(n.calendar, :'minute'::timestamptz) AS stamp
LEFT JOIN market.sessions AS s ON s.calendar = n.calendar AND s.session_date = stamp.session_date
LEFT JOIN market.feed_minutes AS f ON f.feed = n.feed AND f.bucket = :'minute'::timestamptz
LEFT JOIN market.candle_hours AS h ON h.dataset = :'dataset' AND h.instrument_id = n.instrument_id AND h.hour = place.hour
WHERE n.instrument_id = :'instrument_id'::integer;
