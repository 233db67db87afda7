-- Before which no candle of an aggregate, or minute, is stored: by the edges of chunks, and by the earliest minute that any
-- instrument ever had, where that is known of all. No row where none is stored.
SELECT greatest(min(range_start), (SELECT CASE WHEN count(data_from) = count(*) THEN min(data_from) END FROM market.instruments)) AS starts
FROM timescaledb_information.chunks
WHERE (hypertable_schema::text, hypertable_name::text) IN (
    SELECT 'market', 'candles'
    UNION ALL
    SELECT materialization_hypertable_schema::text, materialization_hypertable_name::text
    FROM timescaledb_information.continuous_aggregates
    WHERE view_schema = 'market' AND view_name = :'aggregate'
)
HAVING count(*) > 0;
