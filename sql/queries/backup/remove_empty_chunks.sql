-- Takes away the chunks of a schema that was restored without its rows, and lets every aggregate begin before all time.
DO $$
DECLARE
    emptied text;
BEGIN
    FOR emptied IN
        SELECT format('%I.%I', hypertable_schema, hypertable_name) FROM timescaledb_information.hypertables
        WHERE hypertable_schema <> '_timescaledb_internal'
    LOOP
        EXECUTE 'TRUNCATE ' || emptied || ' CASCADE';
    END LOOP;
    -- From above: what is built on one is emptied before it.
    FOR emptied IN
        SELECT format('%I.%I', view_schema, view_name) FROM timescaledb_information.continuous_aggregates
        ORDER BY materialization_hypertable_name DESC
    LOOP
        EXECUTE 'TRUNCATE ' || emptied;
    END LOOP;
END
$$;
