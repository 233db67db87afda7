CREATE OR REPLACE FUNCTION market.minutes_around(hour timestamptz, bits bit, OUT first timestamptz, OUT last timestamptz)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(
    hour + (position(B'1' IN bits) - 1) * INTERVAL '1 minute',
    hour + (length(rtrim(bits::text, '0')) - 1) * INTERVAL '1 minute'
);
COMMENT ON FUNCTION market.minutes_around IS 'The first and the last of an hour''s minutes that are set.';
