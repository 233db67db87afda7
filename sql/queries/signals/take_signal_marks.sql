-- Takes due marks in the order in which they came, some :most instruments of them; of each data set, timeframe and instrument the
-- stretches, those a day apart or less as one.
WITH due AS (
    SELECT mark_id, sum(cardinality(instrument_ids)) OVER (ORDER BY mark_id) - cardinality(instrument_ids) AS before
    FROM market.signal_marks
    WHERE (due_at <= :'at'::timestamptz) IS NOT FALSE
), taken AS (
    DELETE FROM market.signal_marks AS m USING due
    WHERE m.mark_id = due.mark_id AND due.before < :'most'::bigint
    RETURNING m.dataset, m.timeframe, m.starts, m.ends, m.instrument_ids
), each AS (
    SELECT t.dataset, t.timeframe, i.instrument_id, t.starts, t.ends FROM taken AS t CROSS JOIN unnest(t.instrument_ids) AS i (instrument_id)
), numbered AS (
    SELECT *, count(*) FILTER (WHERE begins) OVER (PARTITION BY dataset, timeframe, instrument_id ORDER BY starts, ends) AS island
    FROM (
        SELECT *, (starts > max(ends) OVER before + INTERVAL '1 day') IS NOT FALSE AS begins
        FROM each
        WINDOW before AS (
            PARTITION BY dataset, timeframe, instrument_id ORDER BY starts, ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
    ) AS each
)
SELECT dataset, timeframe, instrument_id, min(starts) AS starts, max(ends) AS ends
FROM numbered
GROUP BY dataset, timeframe, instrument_id, island
ORDER BY dataset, timeframe, instrument_id, starts;
