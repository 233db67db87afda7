-- Whether TimescaleDB's background scheduler runs, whether it may come to run, whether maintenance replaces it at a
-- moment, how many workers it may have, how many databases' schedulers share them, and the server's own time.
SELECT
    market.has_scheduler() AS runs,
    EXISTS (
        SELECT FROM pg_stat_activity WHERE application_name = 'TimescaleDB Background Worker Launcher'
    ) AS may_run,
    market.stands_in(:'at'::timestamptz) AS stands_in,
    -- The embedded database has no such setting.
    coalesce(current_setting('timescaledb.max_background_workers', true), '0')::integer AS workers,
    (
        SELECT count(*) FROM pg_stat_activity WHERE application_name = 'TimescaleDB Background Worker Scheduler'
    ) AS schedulers,
    now() AS server_time;
