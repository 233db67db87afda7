-- Forgets the states of indicators that are not those of the set, given as a digest of each timeframe's: what changes meanwhile
-- would not reach them.
DELETE FROM market.indicator_states AS s
WHERE NOT EXISTS (
    SELECT FROM unnest(:'timeframes'::text[], :'made_of'::text[]) AS kept (timeframe, made_of)
    WHERE kept.timeframe = s.timeframe AND kept.made_of = s.made_of
);
