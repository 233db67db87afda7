"""Trades of an exchange as they happen, and those that were missed, on their way to where ticks are taken."""
