-- Turns chunks that are old enough into columns.
CALL market.add_columnstore_job(
    :'table_name', :'age'::interval, :'schedule'::interval,
    :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
