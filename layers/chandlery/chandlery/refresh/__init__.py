"""Derived candles: which are stale, how they are refreshed, and whether they are right."""
