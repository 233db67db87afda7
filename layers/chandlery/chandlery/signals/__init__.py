"""Signals: what strategies say of instruments, by rules over candles, indicators and other data sets."""
