"""What ticks and candles refer to: instruments, calendars and their sessions, feeds."""
