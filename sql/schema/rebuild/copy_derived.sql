-- Without bitmap scans, by which a DELETE may miss rows in columns.
CREATE OR REPLACE FUNCTION market.copy_derived(aggregate text, given text, taken text, starts timestamptz, ends timestamptz) RETURNS bigint
LANGUAGE plpgsql SET enable_bitmapscan = off AS $$
DECLARE
    source regclass := market.policy_relation(aggregate || given);
    target regclass := market.policy_relation(aggregate || taken);
    bucket text := (SELECT r.bucket FROM market.rollups AS r WHERE r.relation = copy_derived.aggregate);
    columns text := (SELECT string_agg(quote_ident(c), ', ') FROM unnest(market.shared_columns(source, target)) AS c);
    copied bigint;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE %I >= $1 AND %2$I < $2', target, bucket) USING starts, ends;
    EXECUTE format(
        'INSERT INTO %s (%s) SELECT %2$s FROM %s WHERE %I >= $1 AND %4$I < $2', target, columns, source, bucket
    ) USING starts, ends;
    GET DIAGNOSTICS copied = ROW_COUNT;
    UPDATE market.rebuilds AS r SET copied = r.copied + tstzmultirange(tstzrange(starts, ends))
    WHERE r.aggregate = copy_derived.aggregate;
    RETURN copied;
END
$$;
COMMENT ON FUNCTION market.copy_derived IS 'Puts the materialised buckets of a stretch from one aggregate into another as they are, in the place of those there; says how many.';
