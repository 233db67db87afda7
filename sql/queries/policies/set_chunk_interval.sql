-- How long new chunks are; existing ones stay as they are.
SELECT set_chunk_time_interval(:'hypertable'::regclass, :'chunk_interval'::interval);
