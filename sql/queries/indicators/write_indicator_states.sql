-- Writes the states of instruments' indicators in a timeframe, given as arrays; the numbers of all instruments follow each
-- other in two of them, and those of each end where the next one's begin.
INSERT INTO market.indicator_states AS stored (instrument_id, timeframe, made_of, time, since, states, recent)
SELECT
    instrument_id, :'timeframe', made_of, to_timestamp(time), since,
    (:'states'::double precision[])[lag(states_end, 1, 0::bigint) OVER (ORDER BY place) + 1:states_end],
    (:'recent'::double precision[])[lag(recent_end, 1, 0::bigint) OVER (ORDER BY place) + 1:recent_end]
FROM unnest(
    :'instrument_ids'::bigint[], :'made_of'::text[], :'times'::bigint[], :'sinces'::timestamptz[], :'states_ends'::bigint[],
    :'recent_ends'::bigint[]
) WITH ORDINALITY AS s (instrument_id, made_of, time, since, states_end, recent_end, place)
ON CONFLICT (instrument_id, timeframe) DO UPDATE SET
    made_of = excluded.made_of, time = excluded.time, since = excluded.since, states = excluded.states, recent = excluded.recent;
