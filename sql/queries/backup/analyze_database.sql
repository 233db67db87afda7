-- Statistics for the planner, of the whole database.
ANALYZE;
