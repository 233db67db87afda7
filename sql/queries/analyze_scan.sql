-- Tells the planner how small these are.
ANALYZE stretches, feed_hours, waiting_hours, explained_hours;
