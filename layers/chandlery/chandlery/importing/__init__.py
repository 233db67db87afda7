"""Rows of files, into any data set that takes them."""
