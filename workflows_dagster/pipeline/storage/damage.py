"""Whether an error says that a database of Dagster's home is damaged, and what to say then."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from workflows_dagster.maintenance.archive import HOME
from workflows_dagster.maintenance.sqlite_backup import damaged, is_damage
from workflows_dagster.pipeline.storage.home import HomeError


class DamagedHomeError(HomeError):
    """A database of Dagster's home is damaged; the text says how a backup takes its place."""


def damaged_home(home: Path, error: BaseException) -> str | None:
    """Say that Dagster's home is damaged and what to do, where an error says so; else None.

    Args:
        home: Dagster's home.
        error: What opening or asking it raised, by itself or through SQLAlchemy.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    return damaged(home, cause, HOME) if isinstance(cause, sqlite3.Error) and is_damage(cause) else None
