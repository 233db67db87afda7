CREATE OR REPLACE PROCEDURE market.apply_refresh(job_id integer, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    is_done boolean;
BEGIN
    -- Where another one is at work for longer, the next run comes soon enough.
    CALL market.refresh_aggregate(
        config ->> 'table_name', now() - (config ->> 'start_offset')::interval, now() - (config ->> 'end_offset')::interval,
        INTERVAL '30 seconds', false, is_done
    );
END
$$;
COMMENT ON PROCEDURE market.apply_refresh IS 'A job of TimescaleDB''s scheduler: {"table_name": …, "start_offset": …, "end_offset": …}. Unlike its own policy it waits for every other refresh of the aggregate.';
