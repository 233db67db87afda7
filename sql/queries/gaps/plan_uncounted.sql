-- The hours that must be counted, cut into windows of about :instrument_hours rows each, the newest first.
SELECT min(hour) AS starts, max(hour) + INTERVAL '1 hour' AS ends
FROM (
    SELECT hour, div(sum(rows) OVER (ORDER BY hour DESC) - 1, :'instrument_hours'::bigint) AS share
    FROM (
        SELECT hour, count(DISTINCT marked.instrument_id) AS rows
        FROM market.marks CROSS JOIN unnest(instrument_ids) AS marked (instrument_id)
        WHERE dataset = :'dataset' AND work = :'work'
        GROUP BY hour
    ) AS hours
) AS shared
GROUP BY share
ORDER BY starts DESC;
