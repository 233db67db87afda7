-- Makes room for the next share of a scan.
DROP TABLE scanned_instruments, known_gaps, expected_hours, missing_hours, trade_rates, unmeasured_instruments,
    gap_runs, found_gaps, claimed_gaps;
