CREATE OR REPLACE PROCEDURE market.analyze_table(table_name text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ANALYZE %s', market.policy_relation(table_name));
END
$$;
COMMENT ON PROCEDURE market.analyze_table IS 'Makes the planner''s statistics anew, of an aggregate as well.';
