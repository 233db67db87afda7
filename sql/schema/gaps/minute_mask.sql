CREATE OR REPLACE FUNCTION market.minute_mask(first integer, beyond integer) RETURNS bit LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((-1)::bigint::bit(60) >> greatest(first, 0)) & ~((-1)::bigint::bit(60) >> greatest(least(beyond, 60), 0));
COMMENT ON FUNCTION market.minute_mask IS 'The minutes [first, beyond) of an hour, as sixty bits.';
