"""Errors of tidying, backup and restore."""

from __future__ import annotations


class UpkeepError(RuntimeError):
    """Tidying, a backup or a restore failed; the text says why and what to do, and holds no secret."""


class DamagedDatabaseError(UpkeepError):
    """A database is damaged; the text names it and the part of a backup that replaces it."""
