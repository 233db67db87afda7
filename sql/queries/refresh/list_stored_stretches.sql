-- The stretches in which rows of a data set are stored, by the edges of their chunks, the oldest first.
SELECT lower(stretch) AS starts, upper(stretch) AS ends
FROM (
    SELECT range_agg(tstzrange(range_start, range_end)) AS stretches
    FROM timescaledb_information.chunks
    WHERE hypertable_schema = 'market' AND hypertable_name = :'dataset'
) AS stored
CROSS JOIN LATERAL unnest(stored.stretches) AS stretch;
