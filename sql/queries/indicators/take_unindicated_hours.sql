-- Takes the marked hours of a piece: of each instrument those from its start to its end, both included.
DELETE FROM market.unindicated_hours AS h
USING unnest(:'instrument_ids'::integer[], :'starts'::timestamptz[], :'ends'::timestamptz[]) AS p (instrument_id, starts, ends)
WHERE h.instrument_id = p.instrument_id AND h.hour >= p.starts AND h.hour <= p.ends
RETURNING h.instrument_id, h.hour, h.timeframe;
