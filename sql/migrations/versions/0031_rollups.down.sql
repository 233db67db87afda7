-- Takes back what 0031_rollups.up.sql makes.

DROP FUNCTION IF EXISTS market.oldest_row_between(text, timestamptz, timestamptz);
DROP TABLE market.rollups;
