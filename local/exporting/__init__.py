"""Rows of data sets into files: CSV and Parquet, exact, whole or not there."""
