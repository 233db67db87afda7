CREATE OR REPLACE FUNCTION market.first_moment(moments timestamptz[]) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT min(m.moment) FROM unnest(moments) AS m (moment)
$$;
COMMENT ON FUNCTION market.first_moment IS 'The earliest of some moments: of constants a constant, by which the planner excludes chunks.';
