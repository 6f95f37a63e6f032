"""Typed access to what is stored: days, findings, profiles."""
