"""Recognises errors of damaged databases in Dagster's home, and explains them."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from workflows_dagster.maintenance.archive import HOME
from workflows_dagster.maintenance.sqlite_backup import damaged, is_damage
from workflows_dagster.pipeline.storage.home import HomeError


class DamagedHomeError(HomeError):
    """A database of Dagster's home is damaged; the text says how to restore it from a backup."""


def damaged_home(home: Path, error: BaseException) -> str | None:
    """Explain the damage and what to do if an error indicates a damaged home; else None.

    Args:
        home: Dagster's home.
        error: The exception from opening or querying it, direct or through SQLAlchemy.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return damaged(home, cause, HOME) if isinstance(cause, sqlite3.Error) and is_damage(cause) else None
