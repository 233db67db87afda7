-- Tells the planner how many buckets were folded: price_edges scans or probes by it.
ANALYZE folded_buckets;
