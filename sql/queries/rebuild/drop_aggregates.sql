-- Drops the aggregates of one suffix, those on top first.
CALL market.drop_aggregates(:'aggregates'::text[], :'suffix'::text);
