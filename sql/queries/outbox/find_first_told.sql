-- The first cursor of changes that is kept.
SELECT min(cursor) FROM market.changes;
