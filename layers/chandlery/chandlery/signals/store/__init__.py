"""Signals, and what waits to be judged by rules, in the database."""
