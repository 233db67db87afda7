-- The open hours of every calendar inside a window, with the place of their first minute among all expected minutes:
-- minutes whose places follow each other are adjacent, however long the market was closed in between.
CREATE TEMPORARY TABLE stretches ON COMMIT DROP AS
SELECT
    calendar, hour, starts, ends, first_minute, beyond_minute,
    market.minute_mask(first_minute, beyond_minute) AS minutes,
    market.minute_mask(market.minute_of(hour, :'week_starts'::timestamptz), 60) AS in_week,
    market.minute_mask(market.minute_of(hour, :'day_starts'::timestamptz), 60) AS in_day,
    sum(beyond_minute - first_minute) OVER (PARTITION BY calendar ORDER BY starts) - (beyond_minute - first_minute) AS place
FROM market.expected_stretches(:'starts', :'ends') AS open
CROSS JOIN LATERAL (
    SELECT market.minute_of(hour, starts) AS first_minute, market.minute_of(hour, ends) AS beyond_minute
) AS numbers
WHERE first_minute < beyond_minute;
