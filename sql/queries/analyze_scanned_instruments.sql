-- Tells the planner how many instruments this share of the scan has.
ANALYZE scanned_instruments;
