"""Chandlery makes and keeps a trading desk's candles."""
