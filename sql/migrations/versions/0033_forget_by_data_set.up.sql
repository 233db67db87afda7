-- What nothing calls any more, or now takes a data set.
DROP FUNCTION IF EXISTS market.derived_aggregates();
DROP FUNCTION IF EXISTS market.forget_between(timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.remove_copies(text, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.list_copies(text, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.unique_key(text);
