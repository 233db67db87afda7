-- Up to where each continuous aggregate is materialized; later buckets are computed when read. Null where nothing is.
SELECT
    user_view_name AS aggregate,
    _timescaledb_functions.to_timestamp(nullif(watermark, -210866803200000000)) AS materialized_to  -- the least there is
FROM _timescaledb_catalog.continuous_agg
JOIN _timescaledb_catalog.continuous_aggs_watermark USING (mat_hypertable_id)
WHERE user_view_schema = 'market';
