"""Alerts: their causes, when they are due, and how the message is delivered."""
