"""Indicators computed with numpy and TA-Lib, and those that are stored."""
