"""Clients for foreign data: Tibber's service, and files of readings."""
