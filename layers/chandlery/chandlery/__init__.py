"""Chandlery makes and keeps a trading desk's candles."""

import gc

# What is imported stays: looking for garbage after every 700 objects of it would be a twentieth of a cold start.
gc.set_threshold(10_000, 10, 10)
