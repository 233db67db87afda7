-- How far the rebuild of aggregates has come.
UPDATE market.rebuilds SET state = :'state' WHERE aggregate = ANY (:'aggregates'::text[]);
