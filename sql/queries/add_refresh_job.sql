-- Refreshes an aggregate's newest stretch; its last minute is still being written. All at once: between batches, the newest of
-- which is committed first, readers would miss candles.
SELECT add_continuous_aggregate_policy(
    format('market.%I', :'table_name'::text)::regclass, start_offset => :'age'::interval, end_offset => INTERVAL '1 minute',
    schedule_interval => :'schedule'::interval, buckets_per_batch => 0,
    initial_start => :'schedule'::interval
        + date_bin(:'schedule'::interval, now(), '2000-01-01 00:00Z'::timestamptz + :'starts_after'::interval)
);
