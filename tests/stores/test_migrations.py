"""Two processes at the first use of one SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from workflows_dagster.stores.migrations import bring_up_to_date
from workflows_dagster.stores.ports import StoreError

LAST_QUERY = "SELECT count(*) FROM sqlite_schema"


def opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def test_a_file_that_another_process_creates_between_two_queries_is_no_foreign_file(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    late, creator = opened(path), opened(path)
    pending = [creator]

    def create_meanwhile(statement: str) -> None:
        if statement == LAST_QUERY and pending:
            bring_up_to_date(pending.pop(), path)

    late.set_trace_callback(create_meanwhile)
    bring_up_to_date(late, path)
    assert pending == []
    late.close()
    creator.close()


def test_a_database_of_another_program_is_refused_and_not_touched(tmp_path: Path) -> None:
    connection = opened(tmp_path / "m.sqlite")
    connection.execute("CREATE TABLE theirs (n)")
    with pytest.raises(StoreError, match="belongs to another program"):
        bring_up_to_date(connection, tmp_path / "m.sqlite")
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
    connection.close()
