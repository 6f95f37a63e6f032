"""The embedded store's SQLite file: connections, transactions, and explained errors."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workflows_dagster.stores.migrations import bring_up_to_date
from workflows_dagster.stores.ports import StoreError


class DatabaseFile:
    """One SQLite file (WAL), created and migrated at first use.

    Each thread of each process has its own connection.
    """

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self.path = path
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._connections: dict[tuple[int, int], tuple[threading.Thread, sqlite3.Connection]] = {}

    def close(self) -> None:
        """Close all connections of this process."""
        with self._lock:
            for (process, _), (_, connection) in self._connections.items():
                # A connection inherited through a fork belongs to the parent; closing it would drop the parent's locks.
                if process == os.getpid():
                    connection.close()
            self._connections.clear()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read in one snapshot."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, one writer at a time."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connection()
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreError(self._explained(error)) from error
        except OSError as error:
            raise StoreError(
                f"{self.path}: cannot be opened ({error.strerror or error}). Check the folder and its rights."
            ) from error

    def _connection(self) -> sqlite3.Connection:
        thread = threading.current_thread()
        key = (os.getpid(), threading.get_ident())
        with self._lock:
            known = self._connections.get(key)
            if known is not None and known[0] is thread:
                return known[1]
            for other, (owner, connection) in list(self._connections.items()):
                if other[0] == key[0] and not owner.is_alive():
                    connection.close()
                    del self._connections[other]
            connection = self._open()
            self._connections[key] = (thread, connection)
            return connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            bring_up_to_date(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _explained(self, error: sqlite3.Error) -> str:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        fact, remedy = {
            sqlite3.SQLITE_NOTADB: ("this is not a SQLite database", "Move it aside, or name another file."),
            sqlite3.SQLITE_CORRUPT: (
                "the database is damaged",
                "To set it aside and restore a backup: `meters restore FILE --only data --replace`.",
            ),
            sqlite3.SQLITE_BUSY: (
                f"another program has been writing for {self._busy_seconds:g} s",
                "Wait for it to end, or stop it, and try again.",
            ),
            sqlite3.SQLITE_FULL: ("the disk is full", "Make room, and try again."),
            sqlite3.SQLITE_READONLY: ("the file may not be written", "Check the rights of the file and its folder."),
            sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Check the folder and its rights."),
        }.get(code, ("SQLite failed", "Check the disk, and try again."))
        return f"{self.path}: {fact} ({error}). {remedy}"
