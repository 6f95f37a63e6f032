"""Backup, restore and tidying of the house."""
