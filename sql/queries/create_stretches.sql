-- The open hours of every calendar inside a window, with the place of their first minute among all expected minutes:
-- minutes whose places follow each other are adjacent, however long the market was closed in between. Expected are the minutes of
-- an hour that are set in :cadence.
CREATE TEMPORARY TABLE stretches ON COMMIT DROP AS
SELECT
    calendar, hour, starts, ends, first_minute, beyond_minute, minutes,
    market.minute_mask(market.minute_of(hour, :'week_starts'::timestamptz), 60) AS in_week,
    market.minute_mask(market.minute_of(hour, :'day_starts'::timestamptz), 60) AS in_day,
    sum(bit_count(minutes)::integer) OVER (PARTITION BY calendar ORDER BY starts) - bit_count(minutes) AS place
FROM market.expected_stretches(:'dataset', :'starts', :'ends') AS open
CROSS JOIN LATERAL (
    SELECT market.minute_of(hour, starts) AS first_minute, market.minute_of(hour, ends) AS beyond_minute
) AS numbers
CROSS JOIN LATERAL (SELECT market.minute_mask(first_minute, beyond_minute) & :'cadence'::bit(60) AS minutes) AS expected
WHERE bit_count(minutes) > 0;
