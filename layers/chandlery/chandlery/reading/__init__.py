"""What somebody asks for: candles, series, instruments, one minute; pages of it, and answers kept."""
