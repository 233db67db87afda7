-- What an export of rows in [starts, ends) comes to: a line for each file, of an instrument if :by_instrument and of a day (UTC)
-- if :by_day, with its rows and whether the numbers of :fits all fit; of :instrument_ids alone where they are not null.
-- As in psql -v relation=candles -v stamp=time -v fits='ARRAY[]::boolean[]' -v by_instrument=true -v by_day=true ...
SELECT n.instrument_key, n.instrument_id, planned.day, planned.rows, planned.fits
FROM (
    SELECT
        CASE WHEN :'by_instrument'::boolean THEN instrument_id END AS instrument_id,
        CASE WHEN :'by_day'::boolean THEN (:stamp AT TIME ZONE 'UTC')::date END AS day,
        count(*) AS rows,
        :fits AS fits
    FROM market.:"relation"
    WHERE :stamp >= :'starts'::timestamptz AND :stamp < :'ends'::timestamptz
        AND (:'instrument_ids'::integer[] IS NULL OR instrument_id = ANY (:'instrument_ids'::integer[]))
    GROUP BY 1, 2
) AS planned
LEFT JOIN market.instruments AS n USING (instrument_id)
ORDER BY n.instrument_key COLLATE "C", planned.day;
