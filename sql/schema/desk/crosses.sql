-- Touching a level is not crossing it.
CREATE OR REPLACE FUNCTION market.crosses(side text, level numeric, before numeric, high numeric, low numeric) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE side WHEN 'high' THEN before <= level AND high > level ELSE before >= level AND low < level END;
COMMENT ON FUNCTION market.crosses IS 'Whether a price that was at or on this side of a level before goes beyond it: above, for a high one, below, for a low one. Null where nothing is known of before.';
