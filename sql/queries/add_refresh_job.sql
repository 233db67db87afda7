-- Refreshes an aggregate's newest stretch, on the schedule's own marks; its last minute is still being written.
SELECT add_continuous_aggregate_policy(
    format('market.%I', :'table_name'::text)::regclass, start_offset => :'age'::interval, end_offset => INTERVAL '1 minute',
    schedule_interval => :'schedule'::interval,
    initial_start => date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z') + :'schedule'::interval
);
