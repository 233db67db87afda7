-- The states of instruments' indicators in a timeframe, by the instrument's place.
SELECT i.place, s.made_of, extract(epoch FROM s.time)::bigint AS time, s.since, s.states, s.recent
FROM unnest(:'instrument_ids'::integer[]) WITH ORDINALITY AS i (instrument_id, place)
JOIN market.indicator_states AS s USING (instrument_id)
WHERE s.timeframe = :'timeframe';
