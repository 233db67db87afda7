-- Makes the planner's statistics of a table again.
CALL market.analyze_table(:'table_name'::text);
