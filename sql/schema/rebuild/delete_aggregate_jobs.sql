CREATE OR REPLACE PROCEDURE market.delete_aggregate_jobs(aggregates text[]) LANGUAGE sql AS $$
    SELECT delete_job(j.job_id)
    FROM timescaledb_information.jobs AS j
    JOIN market.kept_tables AS k
        ON (j.hypertable_schema = 'market' AND j.hypertable_name = k.table_name)
        OR k.relation = to_regclass(format('%I.%I', coalesce(j.hypertable_schema, ''), coalesce(j.hypertable_name, '')))
    WHERE k.table_name = ANY (aggregates)
$$;
COMMENT ON PROCEDURE market.delete_aggregate_jobs IS 'Removes the jobs that belong to aggregates; those that go by a name, as statistics do, stay with the name.';
