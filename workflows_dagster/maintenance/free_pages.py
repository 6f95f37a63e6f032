"""Give the space of deleted rows back to the disk, without keeping others from writing for long."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from workflows_dagster.maintenance.copies import is_damage

# Less than this is used again soon; giving it back and taking it again only makes the disk work.
_WORTHWHILE_SHARE = 0.1
_WORTHWHILE_PAGES = 256
# 4 MB at 4 KB a page: a few hundredths of a second, then others may write.
_PAGES_A_STEP = 1000
# A rebuild writes the database to a temporary file and then to the write-ahead log.
_ROOM_FOR_REBUILD = 2.2
_INCREMENTAL = 2


def give_back(path: Path, *, may_rebuild: bool, busy_seconds: float = 10) -> str | None:
    """Shrink a database whose free pages are worth it.

    It happens step by step, each a transaction of its own. A database that was not made for that is rebuilt once, which
    keeps writers waiting for some seconds.

    Args:
        path: A SQLite database; others may be using it.
        may_rebuild: Whether nobody minds waiting now.
        busy_seconds: How long to wait for another writer. [s]

    Returns:
        Why it was left as it is although it would be worth it, as a sentence; None where all is well.

    Raises:
        sqlite3.DatabaseError: It is damaged.
    """
    try:
        with closing(sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)) as connection:
            if not _worth_it(connection):
                return None
            if _number(connection, "auto_vacuum") == _INCREMENTAL:
                _in_steps(connection)
                return None
            if not may_rebuild:
                return f"{path.name}: it is rebuilt when no run is under way."
            needed, free = path.stat().st_size * _ROOM_FOR_REBUILD, shutil.disk_usage(path.parent).free
            if free < needed:
                return (
                    f"{path.name}: rebuilding it needs {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free. Make room."
                )
            _rebuild(connection, path.parent)
    except sqlite3.Error as error:
        if is_damage(error):
            raise
        # What was given back stays given back, and nothing else has changed.
        return f"{path.name}: its free space is given back another time ({error})."
    return None


def _worth_it(connection: sqlite3.Connection) -> bool:
    free, pages = _number(connection, "freelist_count"), _number(connection, "page_count")
    return free >= _WORTHWHILE_PAGES and free >= _WORTHWHILE_SHARE * pages


def _in_steps(connection: sqlite3.Connection) -> None:
    free = _number(connection, "freelist_count")
    while free:
        # As a script, which is run to its end: `execute` stops after the first page.
        connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_A_STEP})")
        left = _number(connection, "freelist_count")
        if left >= free:
            return
        free = left
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def _rebuild(connection: sqlite3.Connection, folder: Path) -> None:
    connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
    with _temporary_files_in(connection, folder):
        connection.execute("VACUUM")
    # Passive: it waits for no reader, and so lets no writer wait.
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


@contextmanager
def _temporary_files_in(connection: sqlite3.Connection, folder: Path) -> Iterator[None]:
    """Keep SQLite's temporary files where there is known to be room: /tmp is often a small memory disk."""
    quoted = str(folder).replace("'", "''")
    connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")
    try:
        yield
    finally:
        connection.execute("PRAGMA temp_store_directory = ''")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
