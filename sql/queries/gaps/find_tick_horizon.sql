-- Where the ticks that are still kept begin: retention drops them by the chunk.
SELECT min(range_start) AS starts FROM timescaledb_information.chunks
WHERE hypertable_schema = 'market' AND hypertable_name = 'ticks';
