-- Instrument-hours whose indicators wait at a moment, and the oldest of them; those that wait for a bucket to close are not due.
SELECT coalesce(sum(marks), 0)::bigint AS marks, min(oldest) AS oldest_hour
FROM (
    SELECT count(*) AS marks, min(hour) AS oldest FROM market.unindicated_hours
    UNION ALL
    SELECT sum(cardinality(instrument_ids)), min(hour) FROM market.marks
    WHERE dataset = :'dataset' AND work = 'indicate' AND hour < :'at'::timestamptz AND (due_at <= :'at'::timestamptz) IS NOT FALSE
) AS waiting;
