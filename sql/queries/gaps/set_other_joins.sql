-- For the rest of the transaction. A scan joins whole weeks of hours: the planner, who cannot know how many rows a hypertable
-- that fills right now has, must not look them up one by one, nor sort them.
SELECT set_config('enable_nestloop', :'setting', true), set_config('enable_mergejoin', :'setting', true);
