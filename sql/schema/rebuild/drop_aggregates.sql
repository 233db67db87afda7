CREATE OR REPLACE PROCEDURE market.drop_aggregates(aggregates text[], suffix text) LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT r.relation FROM market.rollups AS r WHERE r.relation = ANY (aggregates) ORDER BY r.level DESC LOOP
        EXECUTE format('DROP MATERIALIZED VIEW IF EXISTS market.%I', name || suffix);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.drop_aggregates IS 'Drops the aggregates of these names and one suffix, those on top first, where they are there.';
