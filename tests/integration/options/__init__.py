"""Options on a real TimescaleDB."""
