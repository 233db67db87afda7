-- Refreshes an aggregate's newest stretch, some time after the stroke of its schedule; its last minute is still being written.
SELECT add_job(
    'market.apply_refresh', :'schedule'::interval,
    config => jsonb_build_object(
        'table_name', :'table_name'::text, 'start_offset', :'age'::interval, 'end_offset', INTERVAL '1 minute'
    ),
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
