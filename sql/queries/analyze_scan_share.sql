-- Tells the planner how many instruments and open gaps this share of the scan has; the ledger itself may just have been filled.
ANALYZE scanned_instruments, known_gaps;
