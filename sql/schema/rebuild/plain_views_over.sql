CREATE OR REPLACE FUNCTION market.plain_views_over(aggregates text[]) RETURNS SETOF oid LANGUAGE sql STABLE AS $$
    SELECT DISTINCT c.oid
    FROM unnest(aggregates) AS each (name)
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = format('market.%I', each.name)::regclass
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'v'
    WHERE c.relnamespace <> to_regnamespace('_timescaledb_internal')
        AND NOT EXISTS (
            SELECT FROM timescaledb_information.continuous_aggregates AS a
            WHERE to_regclass(format('%I.%I', a.view_schema, a.view_name)) = c.oid
        )
$$;
COMMENT ON FUNCTION market.plain_views_over IS 'The views, ours and anybody''s, that read one of these aggregates.';
