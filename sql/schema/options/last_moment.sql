CREATE OR REPLACE FUNCTION market.last_moment(moments timestamptz[]) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
    SELECT max(m.moment) FROM unnest(moments) AS m (moment)
$$;
COMMENT ON FUNCTION market.last_moment IS 'The latest of some moments: of constants a constant, by which the planner excludes chunks.';
