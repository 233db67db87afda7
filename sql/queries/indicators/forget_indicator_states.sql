-- Forgets the states of instruments' indicators in a timeframe: their next values are computed with a warm-up.
DELETE FROM market.indicator_states WHERE timeframe = :'timeframe' AND instrument_id = ANY (:'instrument_ids'::integer[]);
