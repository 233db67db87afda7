-- Drops chunks that are old enough and that nothing needs. Never at once: there is time to think again.
SELECT add_job(
    'market.apply_retention', :'schedule'::interval,
    config => jsonb_build_object('table_name', :'table_name'::text, 'drop_after', :'age'::interval),
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
