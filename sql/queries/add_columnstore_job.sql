-- Turns chunks that are old enough into columns.
CALL add_columnstore_policy(
    format('market.%I', :'table_name'::text)::regclass, after => :'age'::interval, schedule_interval => :'schedule'::interval,
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
