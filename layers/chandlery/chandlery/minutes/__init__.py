"""From ticks to one-minute candles: marks of what changed, and the only ways to write candles."""
