CREATE OR REPLACE PROCEDURE market.create_derived_days(name text) LANGUAGE plpgsql AS $$
BEGIN
    -- By session and UTC day, since an aggregate needs a bucket of time: a session over midnight UTC has two parts.
    EXECUTE format(
        'CREATE MATERIALIZED VIEW market.%I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS'
        ' SELECT instrument_id, session_date, time_bucket(''1 day'', time) AS day, min(time) AS time, %s FROM market.candles'
        ' WHERE NOT extended GROUP BY instrument_id, session_date, time_bucket(''1 day'', time) WITH NO DATA',
        name, market.derived_columns('candles')
    );
END
$$;
COMMENT ON PROCEDURE market.create_derived_days IS 'The continuous aggregate of regular sessions, cut at midnight UTC, that candles_1d, 1w and 1mo are folded from; without data.';
