CREATE OR REPLACE PROCEDURE market.drop_aggregates(aggregates text[], suffix text) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT d.aggregate FROM market.derived_aggregates() AS d WHERE d.aggregate = ANY (aggregates) ORDER BY d.level DESC LOOP
        EXECUTE format('DROP MATERIALIZED VIEW IF EXISTS market.%I', name || suffix);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.drop_aggregates IS 'Drops the aggregates of these names and one suffix, those on top first, where they are there.';
