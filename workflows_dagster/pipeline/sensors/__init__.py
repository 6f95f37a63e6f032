"""Dagster sensors, one per module."""
