"""Sums over series of candles. Needs numpy and TA-Lib, which only the functions that compute indicators carry."""
