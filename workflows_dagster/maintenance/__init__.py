"""Backup and restore of the house."""
