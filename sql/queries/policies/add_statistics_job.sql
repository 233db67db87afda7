-- Makes the planner's statistics again.
SELECT add_job(
    'market.apply_statistics', :'schedule'::interval, config => jsonb_build_object('table_name', :'table_name'::text),
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
