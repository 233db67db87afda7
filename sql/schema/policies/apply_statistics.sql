CREATE OR REPLACE PROCEDURE market.apply_statistics(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
BEGIN
    CALL market.analyze_table(config ->> 'table_name');
END
$$;
COMMENT ON PROCEDURE market.apply_statistics IS 'A job of TimescaleDB''s scheduler: {"table_name": …}.';
