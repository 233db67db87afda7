-- Takes due marks, the oldest hours first, some :most instrument-hours, and leaves a row for each instrument and hour.
WITH due AS (
    SELECT mark_id, sum(cardinality(instrument_ids)) OVER (ORDER BY hour, mark_id) - cardinality(instrument_ids) AS rows_before
    FROM market.marks
    WHERE dataset = :'dataset' AND work = 'indicate' AND hour < :'at'::timestamptz AND (due_at <= :'at'::timestamptz) IS NOT FALSE
), taken AS (
    DELETE FROM market.marks AS m USING due
    WHERE m.mark_id = due.mark_id AND due.rows_before < :'most'::bigint
    RETURNING m.hour, m.instrument_ids, m.timeframe
), spread AS (
    INSERT INTO market.unindicated_hours (instrument_id, hour, timeframe)
    SELECT DISTINCT marked.instrument_id, taken.hour, coalesce(taken.timeframe, '')
    FROM taken CROSS JOIN unnest(taken.instrument_ids) AS marked (instrument_id)
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken;
