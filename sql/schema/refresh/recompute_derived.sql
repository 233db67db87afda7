-- Without bitmap scans, by which a DELETE may miss rows in columns.
CREATE OR REPLACE FUNCTION market.recompute_derived(aggregate text, starts timestamptz, ends timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_bitmapscan = off AS $$
DECLARE
    target regclass := market.policy_relation(aggregate);
    computed text;
    columns text;
    bucket text := (SELECT r.bucket FROM market.rollups AS r WHERE r.relation = recompute_derived.aggregate);
    -- Later buckets are computed when read.
    until timestamptz := least(ends, market.materialized_up_to(aggregate));
BEGIN
    SELECT format('%I.%I', a.partial_view_schema, a.partial_view_name) INTO STRICT computed
    FROM _timescaledb_catalog.continuous_agg AS a
    WHERE a.user_view_schema = 'market' AND a.user_view_name = aggregate;
    columns := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(market.shared_columns(target, computed::regclass)) AS c);
    EXECUTE format('DELETE FROM %s WHERE %I >= $1 AND %2$I < $2', target, bucket) USING starts, until;
    EXECUTE format(
        'INSERT INTO %s (%s) SELECT %2$s FROM %s WHERE %I >= $1 AND %4$I < $2', target, columns, computed, bucket
    ) USING starts, until;
END
$$;
COMMENT ON FUNCTION market.recompute_derived IS 'Computes the materialised buckets of a window again from what they are made of: what a refresh does, which no transaction may hold. Only for a transaction that is rolled back.';
