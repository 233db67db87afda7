"""A timeframe's aggregates built beside those in use, compared and exchanged."""
