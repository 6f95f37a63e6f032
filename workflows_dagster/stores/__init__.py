"""Stores for raw readings and processed series: an embedded SQLite file, or InfluxDB 2.x."""
