-- Where candles are missing: each row is a stretch of an hour, its minutes as bits.
--   waiting: ticks are there; down: the feed was silent, or fell silent (a partial candle); quiet: the feed lived;
--   explained, which is not missing: the feed lived, but a vendor has said that nothing was traded.
-- Hours with all sixty candles, which most are, leave at the first glance.
CREATE TEMPORARY TABLE missing_hours ON COMMIT DROP AS
SELECT
    instrument_id, feed, hour, place, first_minute, beyond_minute, in_week, in_day,
    absent & ~told AS missing,
    absent & ~told & waits AS waiting,
    absent & ~told & ~waits & (~alive | partial) AS down,
    absent & ~told & ~waits & alive & ~partial AS quiet,
    absent & told & ~waits & alive & ~partial AS explained
FROM (
    SELECT
        n.instrument_id, n.feed, s.hour, s.place, s.first_minute, s.beyond_minute, s.in_week, s.in_day, h.partial,
        CASE WHEN n.is_cut THEN s.minutes & market.minutes_within(s.hour, n.life) ELSE s.minutes END & ~h.complete AS absent,
        coalesce(x.minutes, 0::bit(60)) AS told,
        coalesce(f.alive, 0::bit(60)) AS alive,
        coalesce(w.minutes, 0::bit(60)) AS waits
    FROM (
        SELECT instrument_id, hour, complete, partial
        FROM market.candle_hours
        WHERE dataset = :'dataset' AND hour > :'starts'::timestamptz - INTERVAL '1 hour' AND hour < :'ends'::timestamptz
            AND instrument_id BETWEEN :'first'::integer AND :'last'::integer
            AND complete <> (-1)::bigint::bit(60)
        UNION ALL
        SELECT blank.instrument_id, open.hour, 0::bit(60), 0::bit(60)
        FROM scanned_instruments AS blank
        JOIN (SELECT DISTINCT calendar, hour FROM stretches) AS open USING (calendar)
        WHERE NOT EXISTS (
            SELECT FROM market.candle_hours AS known
            WHERE known.dataset = :'dataset' AND known.instrument_id = blank.instrument_id AND known.hour = open.hour
                AND known.hour > :'starts'::timestamptz - INTERVAL '1 hour' AND known.hour < :'ends'::timestamptz
                AND known.instrument_id BETWEEN :'first'::integer AND :'last'::integer
        )
    ) AS h
    JOIN scanned_instruments AS n USING (instrument_id)
    JOIN stretches AS s
        ON s.calendar = n.calendar AND s.hour = h.hour AND (NOT n.is_cut OR n.life && tstzrange(s.starts, s.ends))
    LEFT JOIN feed_hours AS f ON f.feed = n.feed AND f.hour = s.hour
    LEFT JOIN waiting_hours AS w ON w.instrument_id = n.instrument_id AND w.hour = s.hour
    LEFT JOIN explained_hours AS x ON x.instrument_id = n.instrument_id AND x.hour = s.hour
) AS compared
WHERE bit_count(absent) > 0;
