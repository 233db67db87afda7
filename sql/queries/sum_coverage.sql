-- Per feed: minutes expected, open and not judged over the week and over its last day.
SELECT
    feed,
    sum(expected_week)::bigint AS expected_week, sum(open_week)::bigint AS open_week,
    sum(not_judged_week)::bigint AS not_judged_week,
    sum(expected_day)::bigint AS expected_day, sum(open_day)::bigint AS open_day, sum(not_judged_day)::bigint AS not_judged_day
FROM (
    SELECT
        feed, in_week AS expected_week, 0 AS open_week, 0 AS not_judged_week, in_day AS expected_day, 0 AS open_day,
        0 AS not_judged_day
    FROM expected_hours
    UNION ALL
    SELECT
        feed, 0, minutes_in_week, CASE WHEN is_unmeasured THEN -minutes_in_week ELSE 0 END,
        0, minutes_in_day, CASE WHEN is_unmeasured THEN -minutes_in_day ELSE 0 END
    FROM gap_runs
    CROSS JOIN LATERAL (
        -- Of its quiet minutes those are not judged that are no gap.
        SELECT reason = 'instrument_silent' AND instrument_id IN (SELECT instrument_id FROM unmeasured_instruments)
    ) AS kind (is_unmeasured)
    UNION ALL
    SELECT feed, 0, 0, bit_count(quiet & in_week), 0, 0, bit_count(quiet & in_day)
    FROM missing_hours
    JOIN unmeasured_instruments USING (instrument_id)
) AS parts
GROUP BY feed
ORDER BY feed;
