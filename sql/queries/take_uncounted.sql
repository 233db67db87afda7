-- Takes the marks of a window: the hours whose rows are to be counted anew.
-- The marks go in the same transaction as the hours are written: a run that dies leaves both as they were.
WITH taken AS (
    DELETE FROM market.marks
    WHERE dataset = :'dataset' AND work = 'count' AND hour >= :'starts'::timestamptz AND hour < :'ends'::timestamptz
    RETURNING hour, instrument_ids
)
INSERT INTO taken_hours (instrument_id, hour)
SELECT DISTINCT marked.instrument_id, taken.hour
FROM taken CROSS JOIN unnest(taken.instrument_ids) AS marked (instrument_id);
