-- Makes room for the next share of a scan. Of one that has too much to do only the first tables were made.
DROP TABLE IF EXISTS
    scanned_instruments, known_gaps, expected_hours, missing_hours, trade_rates,
    unmeasured_instruments, gap_runs, found_gaps, claimed_gaps;
