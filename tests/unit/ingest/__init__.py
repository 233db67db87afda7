"""Envelopes, rows, and the events that hand them over."""
