"""What goes wrong when the house is tidied, backed up or restored."""

from __future__ import annotations


class UpkeepError(RuntimeError):
    """Tidying, a backup or a restoration could not be done; the text says why and what to do, and holds no secret."""


class DamagedDatabaseError(UpkeepError):
    """A database is damaged; the text names it and the part of a backup that takes its place."""
