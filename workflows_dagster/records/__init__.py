"""Typed access to the stored results: days, findings, anomalies, profiles, digests."""
