-- The first and the newest cursor of changes that are kept.
SELECT min(cursor), max(cursor) FROM market.changes;
