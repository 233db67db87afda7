-- Expected minutes by instrument and hour of the day: those of the week, of its last day, and those in which the feed lived.
-- Instruments of one feed and calendar share them, but for those of which candles are expected in a part of the window only.
CREATE TEMPORARY TABLE expected_hours ON COMMIT DROP AS
WITH whole AS MATERIALIZED (
    SELECT
        f.feed, s.calendar, date_part('hour', s.hour)::integer AS hour_of_day,
        sum(bit_count(s.minutes & s.in_week)) AS in_week,
        sum(bit_count(s.minutes & s.in_day)) AS in_day,
        sum(bit_count(s.minutes & coalesce(lived.alive, 0::bit(60)))) AS alive
    FROM (SELECT DISTINCT feed, calendar FROM scanned_instruments) AS f
    JOIN stretches AS s USING (calendar)
    LEFT JOIN feed_hours AS lived ON lived.feed = f.feed AND lived.hour = s.hour
    GROUP BY 1, 2, 3
)
SELECT n.instrument_id, n.feed, w.hour_of_day, w.in_week, w.in_day, w.alive
FROM scanned_instruments AS n
JOIN whole AS w USING (feed, calendar)
WHERE NOT n.is_cut
UNION ALL
SELECT
    n.instrument_id, n.feed, date_part('hour', s.hour)::integer,
    sum(bit_count(e.minutes & s.in_week)),
    sum(bit_count(e.minutes & s.in_day)),
    sum(bit_count(e.minutes & coalesce(lived.alive, 0::bit(60))))
FROM scanned_instruments AS n
JOIN stretches AS s ON s.calendar = n.calendar AND n.life && tstzrange(s.starts, s.ends)
CROSS JOIN LATERAL (SELECT s.minutes & market.minutes_within(s.hour, n.life) AS minutes) AS e
LEFT JOIN feed_hours AS lived ON lived.feed = n.feed AND lived.hour = s.hour
WHERE n.is_cut
GROUP BY 1, 2, 3;
