-- Gives the aggregates of one suffix the names in use, and those in use another suffix.
CALL market.swap_aggregates(:'aggregates'::text[], :'instead'::text, :'away'::text);
