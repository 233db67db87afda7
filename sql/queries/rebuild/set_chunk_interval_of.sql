-- How long new chunks of a table or aggregate are, by its name.
SELECT set_chunk_time_interval(market.policy_relation(:'table_name'::text), :'chunk_interval'::interval);
