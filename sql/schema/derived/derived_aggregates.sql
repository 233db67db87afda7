-- For code of revision 0030, which knows roll-ups of candles alone. It goes with the next revision.
CREATE OR REPLACE FUNCTION market.derived_aggregates() RETURNS TABLE (aggregate text, below text, width interval, level integer)
LANGUAGE sql STABLE AS $$
    SELECT relation, below, width, level FROM market.rollups WHERE dataset = 'candles'
$$;
COMMENT ON FUNCTION market.derived_aggregates IS 'The roll-ups of candles; see market.rollups.';
