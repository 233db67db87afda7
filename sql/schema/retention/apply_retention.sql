CREATE OR REPLACE PROCEDURE market.apply_retention(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    age interval := (config ->> 'drop_after')::interval;
    horizon timestamptz := now() - age;
    done record;
BEGIN
    LOOP
        SELECT * INTO done FROM market.drop_before(config ->> 'table_name', horizon, age);
        EXIT WHEN done.dropped_to IS NULL;
        -- A chunk a transaction: nobody waits for all of them.
        COMMIT;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE market.apply_retention IS 'A job of TimescaleDB''s scheduler: {"table_name": …, "drop_after": …}. Unlike its own retention it drops no row that a roll-up still needs.';
