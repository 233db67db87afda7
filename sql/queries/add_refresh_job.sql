-- Refreshes an aggregate's newest stretch, on the schedule's own marks; its last minute is still being written.
SELECT add_job(
    'market.apply_refresh', :'schedule'::interval,
    config => jsonb_build_object(
        'table_name', :'table_name'::text, 'start_offset', :'age'::interval, 'end_offset', INTERVAL '1 minute'
    ),
    initial_start => date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z') + :'schedule'::interval
);
