-- Where a component's look through older times begins and goes on: the first minute any instrument is expected to have, as far
-- back as candles are kept (retention drops older ones by the chunk, and once more if somebody imports them again), and where
-- its last run stopped, if it ran out of time.
SELECT
    greatest(
        (SELECT min(coalesce(listed_at, data_from)) FROM market.instruments),
        (
            SELECT min(range_start) FROM timescaledb_information.chunks
            WHERE hypertable_schema = 'market' AND hypertable_name = 'candles'
        ),
        (SELECT dropped_before FROM market.horizons WHERE table_name = 'candles')
    ) AS starts,
    (SELECT resume_at FROM market.scans WHERE component = :'component') AS resume_at;
