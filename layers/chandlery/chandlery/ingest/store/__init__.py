"""Rows of records on their way into tables."""
