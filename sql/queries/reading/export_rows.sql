-- Streams rows in [starts, ends) as CSV without a header, in order of instrument, time and the rest of their key: :values of the
-- relation, written as :cells; of :instrument_ids alone where they are not null.
-- As in psql -v relation=candles -v stamp=time -v values='time, close' -v cells='time, trim_scale(close)' -v ordered='rows.time' ...
COPY (
    SELECT n.instrument_key, :cells
    FROM (
        SELECT instrument_id AS of_instrument, :values
        FROM market.:"relation"
        WHERE :stamp >= :'starts'::timestamptz AND :stamp < :'ends'::timestamptz
            AND (:'instrument_ids'::integer[] IS NULL OR instrument_id = ANY (:'instrument_ids'::integer[]))
    ) AS rows
    JOIN market.instruments AS n ON n.instrument_id = rows.of_instrument
    ORDER BY n.instrument_key COLLATE "C", :ordered
) TO STDOUT (FORMAT csv);
