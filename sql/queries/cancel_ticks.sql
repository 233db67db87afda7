-- Cancels stored ticks of an instrument, all inside one stretch, named by arrays of their times and seqs.
UPDATE market.ticks AS stored SET cancelled = true
FROM unnest(:'times'::timestamptz[], :'seqs'::bigint[]) AS told (time, seq)
WHERE stored.instrument_id = :'instrument_id'::integer AND stored.time = told.time AND stored.seq = told.seq
    AND stored.time >= :'starts'::timestamptz AND stored.time <= :'ends'::timestamptz
    AND NOT stored.cancelled;
