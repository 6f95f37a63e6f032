"""Copies of SQLite databases that others are writing, and whether they are sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from workflows_dagster.upkeep.problems import UpkeepError

_MAGIC = b"SQLite format 3\x00"
_BUSY_SECONDS = 60.0
BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")

_Found = TypeVar("_Found")


def is_database(path: Path) -> bool:
    """Tell whether a file is a SQLite database, empty ones included."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def is_beside_a_database(path: Path) -> bool:
    """Tell whether a file is the log or the index of a database beside it."""
    return path.name.endswith(BESIDE_A_DATABASE)


def copy_database(source: Path, target: Path, look: Callable[[sqlite3.Connection], _Found]) -> _Found:
    """Copy one moment of a database, whoever is writing it, and check the copy through and through.

    Args:
        source: The database.
        target: Where the copy goes; one file, with nothing beside it.
        look: Asked of the original at the very moment that is copied.

    Returns:
        What `look` found.

    Raises:
        UpkeepError: The database is damaged or locked, or the disk is full.
    """
    try:
        with closing(_reading(source)) as live, closing(sqlite3.connect(target)) as copy:
            # A read transaction holds the moment; in a write-ahead log it holds up nobody.
            live.execute("BEGIN")
            found = look(live)
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise UpkeepError(f"{source}: cannot be copied ({error}). {_remedy(error)}") from error
    if trouble := unsound(target):
        raise UpkeepError(f"{source}: the database is damaged ({trouble}). Restore a backup: `meters restore FILE`.")
    return found


def unsound(path: Path) -> str | None:
    """Say what is wrong inside a database; None where it is sound."""
    try:
        with closing(_reading(path)) as connection:
            [(verdict,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        return str(error)
    return None if verdict == "ok" else " ".join(str(verdict).split())


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Give the versions of a database's schema: our own number, and Dagster's migration."""
    versions = {"user_version": str(connection.execute("PRAGMA user_version").fetchone()[0])}
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
        versions["alembic"] = ",".join(sorted(row[0] for row in connection.execute("SELECT * FROM alembic_version")))
    return versions


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def _remedy(error: sqlite3.Error) -> str:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return "It is damaged: restore a backup with `meters restore FILE`."
    if code == sqlite3.SQLITE_FULL:
        return "Make room, and try again."
    return "Try again when nothing writes to it."
