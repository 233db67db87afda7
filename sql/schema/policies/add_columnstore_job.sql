CREATE OR REPLACE PROCEDURE market.add_columnstore_job(table_name text, after interval, schedule interval, initial_start timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    relation regclass := format('market.%I', table_name)::regclass;
    width interval := (SELECT r.width FROM market.rollups AS r WHERE r.relation = add_columnstore_job.table_name);
    policy integer;
BEGIN
    -- Some versions give an aggregate columns only if it has a refresh policy of their own: lent for this transaction, which
    -- nobody else ever sees.
    IF width IS NOT NULL AND NOT EXISTS (
        SELECT FROM timescaledb_information.jobs AS j
        WHERE j.proc_name = 'policy_refresh_continuous_aggregate'
            AND to_regclass(format('%I.%I', j.hypertable_schema, j.hypertable_name))
                IN (relation, market.policy_relation(add_columnstore_job.table_name))
    ) THEN
        policy := add_continuous_aggregate_policy(
            relation, start_offset => 3 * width, end_offset => INTERVAL '1 minute', schedule_interval => schedule
        );
    END IF;
    CALL add_columnstore_policy(relation, after => after, schedule_interval => schedule, initial_start => initial_start);
    IF policy IS NOT NULL THEN
        PERFORM delete_job(policy);
    END IF;
END
$$;
COMMENT ON PROCEDURE market.add_columnstore_job IS 'Adds TimescaleDB''s own policy that turns old chunks into columns, to an aggregate as well whose refresh job is ours.';
