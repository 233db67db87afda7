CREATE OR REPLACE FUNCTION market.has_scheduler() RETURNS boolean LANGUAGE sql STABLE AS $$
    -- Every role may read the names of applications.
    SELECT EXISTS (
        SELECT FROM pg_stat_activity AS process JOIN pg_stat_database AS own ON own.datid = process.datid
        WHERE own.datname = current_database() AND process.application_name = 'TimescaleDB Background Worker Scheduler'
    )
$$;
COMMENT ON FUNCTION market.has_scheduler IS 'Whether TimescaleDB''s background scheduler runs for this database.';
