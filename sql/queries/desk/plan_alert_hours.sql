-- The hours with marks of minutes that are due, the oldest first: what fires once is to fire at its first crossing. Of each the
-- stretch that has marks.
SELECT min(minute) AS starts, max(minute) + INTERVAL '1 minute' AS ends
FROM market.alert_minutes
WHERE minute < :'due'::timestamptz
GROUP BY date_bin('1 hour', minute, '2000-01-01 00:00Z')
ORDER BY starts;
