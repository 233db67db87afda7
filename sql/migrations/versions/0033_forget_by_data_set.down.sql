-- Retention waits until the older code has made its own functions.
DROP FUNCTION IF EXISTS market.forget_between(text, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.made_of(text);
DROP FUNCTION IF EXISTS market.remove_copies(text, text, text[], text, timestamptz, timestamptz);
DROP FUNCTION IF EXISTS market.list_copies(text, text, text[], timestamptz, timestamptz);
