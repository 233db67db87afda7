-- Nothing exists next to these aggregates any more.
DELETE FROM market.rebuilds WHERE aggregate = ANY (:'aggregates'::text[]);
