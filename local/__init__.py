"""Chandlery on one's own machine: an embedded TimescaleDB, a schedule runner and the command line."""
