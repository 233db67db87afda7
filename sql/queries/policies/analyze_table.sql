-- Makes the planner's statistics of a table anew.
CALL market.analyze_table(:'table_name'::text);
