-- Turns a chunk into columns, or takes in what was written to it since. While somebody reads the chunk its rows are deleted,
-- and not truncated: to wait for a reader who writes there next would be a deadlock.
WITH careful AS MATERIALIZED (
    SELECT set_config('timescaledb.compress_truncate_behaviour', 'truncate_or_delete', true)
)
SELECT compress_chunk(:'chunk'::regclass) FROM careful;
