CREATE OR REPLACE PROCEDURE market.create_derived(name text, below text, width interval) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE MATERIALIZED VIEW market.%I WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS'
        ' SELECT instrument_id, time_bucket(%L::interval, time) AS time, %s FROM market.%I'
        ' GROUP BY instrument_id, time_bucket(%2$L::interval, time) WITH NO DATA',
        name, width, market.derived_columns(below), below
    );
END
$$;
COMMENT ON PROCEDURE market.create_derived IS 'A continuous aggregate of UTC buckets over market.candles or over the aggregate below it; without data.';
