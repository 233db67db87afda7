-- Puts these hours in the place of the rows that were read: hours with a bucket that is still open at the moment "settled".
WITH closed AS (DELETE FROM market.open_hours WHERE open_hour_id = ANY (:'open_hour_ids'::bigint[]))
INSERT INTO market.open_hours (dataset, hour, settled)
SELECT :'dataset', hour, :'settled'::timestamptz FROM unnest(:'hours'::timestamptz[]) AS hour;
