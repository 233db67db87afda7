-- Removes ticks of a file that came in before under the seqs in it: they come in again under the order of its rows.
-- Returns the places of their rows, and whether they were cancelled.
DELETE FROM market.ticks AS stored
USING unnest(:'times'::timestamptz[], :'seqs'::bigint[], :'prices'::numeric[], :'sizes'::numeric[]) WITH ORDINALITY
    AS told (time, seq, price, size, place)
WHERE stored.instrument_id = :'instrument_id'::integer AND stored.time = told.time AND stored.seq = told.seq
    AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    AND stored.price = told.price AND stored.size = told.size
RETURNING told.place, stored.cancelled;
