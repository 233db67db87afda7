CREATE OR REPLACE FUNCTION market.strange_dependents(aggregates text[]) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT format('the continuous aggregate %I.%I', top.user_view_schema, top.user_view_name)
    FROM _timescaledb_catalog.continuous_agg AS top
    JOIN _timescaledb_catalog.continuous_agg AS below ON below.mat_hypertable_id = top.parent_mat_hypertable_id
    WHERE below.user_view_schema = 'market' AND below.user_view_name = ANY (aggregates)
        AND NOT (top.user_view_schema = 'market' AND top.user_view_name = ANY (aggregates))
    UNION
    SELECT CASE d.classid
        WHEN 'pg_proc'::regclass THEN format('the function %s', d.objid::regprocedure)
        ELSE format('the materialized view %s', c.oid::regclass)
    END
    FROM unnest(aggregates) AS each (name)
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = format('market.%I', each.name)::regclass
    LEFT JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    LEFT JOIN pg_class AS c ON c.oid = r.ev_class AND c.relkind = 'm'
    WHERE d.classid = 'pg_proc'::regclass OR c.oid IS NOT NULL
$$;
COMMENT ON FUNCTION market.strange_dependents IS 'What else is built on these aggregates, and cannot be led to others: it must go before they are replaced.';
