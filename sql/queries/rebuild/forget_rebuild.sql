-- Nothing stands beside these aggregates any more.
DELETE FROM market.rebuilds WHERE aggregate = ANY (:'aggregates'::text[]);
