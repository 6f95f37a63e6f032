"""Readings from CSV files and workbooks."""
