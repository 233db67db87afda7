-- The marked hours of instruments, as pieces that read about :hours instrument-hours of candles each.
-- Of one instrument the earlier hours come first, since a value continues from the one before it; one with more marked hours
-- than a piece may read has parts, and each but the last ends where the next one starts.
WITH numbered AS (
    SELECT instrument_id, hour, (row_number() OVER (PARTITION BY instrument_id ORDER BY hour) - 1) / :'hours'::bigint AS part
    FROM market.unindicated_hours
), parts AS (
    SELECT
        instrument_id, part, min(hour) AS starts, max(hour) AS ends,
        lead(min(hour)) OVER (PARTITION BY instrument_id ORDER BY part) AS until,
        -- From the first change on, and the warm-up before it.
        greatest(extract(epoch FROM :'at'::timestamptz - min(hour)) / 3600, 0) + 250 AS weight
    FROM numbered
    GROUP BY instrument_id, part
), shared AS (
    SELECT *, div(sum(weight) OVER (PARTITION BY part ORDER BY instrument_id) - weight, :'hours'::numeric) AS share FROM parts
)
SELECT
    array_agg(instrument_id ORDER BY instrument_id) AS instrument_ids,
    array_agg(starts ORDER BY instrument_id) AS starts,
    array_agg(ends ORDER BY instrument_id) AS ends,
    array_agg(until ORDER BY instrument_id) AS untils
FROM shared
GROUP BY part, share
ORDER BY part, share;
