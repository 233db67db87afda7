-- From where to where one-minute candles are stored, by the edges of their chunks.
SELECT min(range_start) AS starts, max(range_end) AS ends
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'market' AND hypertable_name = 'candles';
