-- Per feed: minutes expected, missing and open over the week and over its last day.
SELECT
    feed,
    sum(expected_week)::bigint AS expected_week, sum(missing_week)::bigint AS missing_week, sum(open_week)::bigint AS open_week,
    sum(expected_day)::bigint AS expected_day, sum(missing_day)::bigint AS missing_day, sum(open_day)::bigint AS open_day
FROM (
    SELECT
        feed, in_week AS expected_week, 0 AS missing_week, 0 AS open_week, in_day AS expected_day, 0 AS missing_day, 0 AS open_day
    FROM expected_hours
    UNION ALL
    SELECT feed, 0, bit_count(missing & in_week), 0, 0, bit_count(missing & in_day), 0 FROM missing_hours
    UNION ALL
    SELECT feed, 0, 0, minutes_in_week, 0, 0, minutes_in_day FROM gap_runs
) AS parts
GROUP BY feed
ORDER BY feed;
