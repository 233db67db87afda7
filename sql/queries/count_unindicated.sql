-- Instrument-hours whose indicators wait at a moment; those that wait for a bucket to close are not due.
SELECT
    (SELECT count(*) FROM market.unindicated_hours)
    + (
        SELECT coalesce(sum(cardinality(instrument_ids)), 0) FROM market.unindicated
        WHERE hour < :'at'::timestamptz AND (due_at <= :'at'::timestamptz) IS NOT FALSE
    );
