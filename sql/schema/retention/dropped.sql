CREATE OR REPLACE FUNCTION market.dropped(of_table text) RETURNS tstzmultirange LANGUAGE sql STABLE AS $$
    SELECT coalesce(range_agg(tstzrange(starts, ends)), '{}'::tstzmultirange)
    FROM (
        SELECT starts, ends FROM market.drops WHERE table_name = of_table
        UNION ALL
        -- A horizon that somebody put back without its drops.
        SELECT '-infinity', h.dropped_before FROM market.horizons AS h
        WHERE h.table_name = of_table AND NOT EXISTS (
            SELECT FROM market.drops AS d WHERE d.table_name = of_table AND d.ends >= h.dropped_before
        )
    ) AS stretch
$$;
COMMENT ON FUNCTION market.dropped IS 'The stretches of a table that retention has dropped.';
