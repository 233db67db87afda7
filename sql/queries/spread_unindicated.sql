-- Takes due marks, the oldest hours first, some :most instrument-hours, and leaves a row for each instrument and hour.
WITH due AS (
    SELECT ctid AS mark, sum(cardinality(instrument_ids)) OVER (ORDER BY hour, ctid) - cardinality(instrument_ids) AS rows_before
    FROM market.unindicated
    WHERE hour < :'at'::timestamptz AND (due_at <= :'at'::timestamptz) IS NOT FALSE
), taken AS (
    DELETE FROM market.unindicated USING due
    WHERE unindicated.ctid = due.mark AND due.rows_before < :'most'::bigint
    RETURNING hour, instrument_ids, timeframe
), spread AS (
    INSERT INTO market.unindicated_hours (instrument_id, hour, timeframe)
    SELECT DISTINCT marked.instrument_id, taken.hour, coalesce(taken.timeframe, '')
    FROM taken CROSS JOIN unnest(taken.instrument_ids) AS marked (instrument_id)
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken;
