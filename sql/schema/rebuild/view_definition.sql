-- With names written out in full, so that the text means the same for every reader.
CREATE OR REPLACE FUNCTION market.view_definition(view oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(
        'CREATE OR REPLACE VIEW %s%s AS %s', c.oid::regclass, ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
        pg_get_viewdef(c.oid)
    ) FROM pg_class AS c WHERE c.oid = view
$$;
COMMENT ON FUNCTION market.view_definition IS 'The statement that makes a view as it is.';
