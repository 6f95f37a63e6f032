"""Copies SQLite databases while other processes write them, and checks their integrity."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from workflows_dagster.maintenance.problems import DamagedDatabaseError, UpkeepError

_MAGIC = b"SQLite format 3\x00"
_BUSY_SECONDS = 60.0
BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")


def is_database(path: Path) -> bool:
    """Tell whether a file is a SQLite database, empty ones included."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether an error says that a database is damaged, and not that it is in use, locked or out of room."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_locked(error: sqlite3.Error) -> bool:
    """Tell whether an error says that another program has locked a database."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def damaged(place: Path, reason: object, part: str) -> str:
    """Write that a database is damaged, and what to do.

    Args:
        place: The database, or its folder.
        reason: SQLite's message.
        part: Part of a backup that replaces it.
    """
    return (
        f"{place}: the database is damaged ({reason}). Restore a backup: `meters restore FILE --only {part} --replace`."
    )


def copy_database(source: Path, target: Path, part: str) -> None:
    """Copy a consistent snapshot of a database that others may be writing, and check the copy's integrity.

    Args:
        source: The database.
        target: Where the copy goes; one file, with nothing beside it.
        part: Part of a backup that it belongs to.

    Raises:
        DamagedDatabaseError: The database is damaged.
        UpkeepError: It is locked, or the disk is full.
    """
    try:
        with closing(_reading(source)) as live, closing(sqlite3.connect(target)) as copy:
            # A read transaction fixes the snapshot; in WAL mode it blocks no writer.
            live.execute("BEGIN")
            live.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            live.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        if is_damage(error):
            raise DamagedDatabaseError(damaged(source, error, part)) from error
        remedy = "Make room" if _code(error) == sqlite3.SQLITE_FULL else "Stop what keeps it to itself"
        raise UpkeepError(f"{source}: cannot be copied ({error}). {remedy}, and try again.") from error
    if trouble := unsound(target):
        raise DamagedDatabaseError(damaged(source, trouble, part))


def unsound_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give each damaged database below a folder, and what is wrong with it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and is_database(path) and (trouble := unsound(path)):
            yield path, trouble


def unsound(path: Path, busy_seconds: float = _BUSY_SECONDS) -> str | None:
    """Say what is wrong inside a database; None where it is sound.

    Args:
        path: The database; others may be writing it.
        busy_seconds: How long to wait for a lock. [s]

    Raises:
        UpkeepError: It cannot be opened, so its integrity is unknown.
    """
    try:
        with closing(_reading(path, busy_seconds)) as connection:
            [(verdict,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        if is_damage(error):
            return str(error)
        raise UpkeepError(
            f"{path}: cannot be looked into ({error}): another program has it open, or this one may not read it. Stop "
            "the services first, and look at its rights."
        ) from error
    return None if verdict == "ok" else " ".join(str(verdict).split())


def schema_of(connection: sqlite3.Connection) -> dict[str, str]:
    """Give the versions of a database's schema: our own number, and Dagster's migration."""
    versions = {"user_version": str(connection.execute("PRAGMA user_version").fetchone()[0])}
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
        versions["alembic"] = ",".join(sorted(row[0] for row in connection.execute("SELECT * FROM alembic_version")))
    return versions


def _reading(path: Path, busy_seconds: float = _BUSY_SECONDS) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=busy_seconds, isolation_level=None)


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
