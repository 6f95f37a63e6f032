"""Space is given back step by step, logs are packed, and nothing is lost by it."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from workflows_dagster.maintenance import run_logs
from workflows_dagster.maintenance.free_pages import give_back


def database(path: Path, rows: int, *, incremental: bool = False) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if incremental:
            connection.execute("PRAGMA auto_vacuum = 2")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE event_logs (id INTEGER PRIMARY KEY, dagster_event_type, event)")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO event_logs (dagster_event_type, event) VALUES (?, ?)",
            (
                (kind, "x" * 1500)
                for _, kind in zip(range(rows), ["STEP_OUTPUT", "PIPELINE_SUCCESS", None] * rows, strict=False)
            ),
        )
        connection.execute("COMMIT")
    return path


def delete_most(path: Path) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM event_logs WHERE id % 10 > 0")
        return int(connection.execute("SELECT count(*) FROM event_logs").fetchone()[0])


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("SELECT count(*) FROM event_logs").fetchone()[0])


@pytest.mark.parametrize("incremental", [False, True], ids=["rebuilt once", "in steps"])
def test_a_database_shrinks_by_what_was_deleted(tmp_path, incremental: bool):
    path = database(tmp_path / "a.db", 6000, incremental=incremental)
    left, before = delete_most(path), path.stat().st_size
    assert give_back(path, may_rebuild=not incremental) is None
    assert path.stat().st_size < before / 4
    assert kept(path) == left


def test_a_rebuild_waits_until_no_run_is_under_way(tmp_path):
    path = database(tmp_path / "a.db", 3000)
    delete_most(path)
    before = path.stat().st_size
    assert give_back(path, may_rebuild=False) == "a.db: it is rebuilt when no run is under way."
    assert path.stat().st_size == before


def test_a_database_that_another_writes_is_left_for_another_time(tmp_path):
    path = database(tmp_path / "a.db", 3000)
    left = delete_most(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert "another time" in give_back(path, may_rebuild=True, busy_seconds=0.1)
        assert time.monotonic() - began < 5
    assert kept(path) == left


def test_damage_that_a_rebuild_meets_is_not_put_off_to_another_night(tmp_path):
    path = database(tmp_path / "a.db", 3000)
    delete_most(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        give_back(path, may_rebuild=True)


def test_a_little_free_space_is_left_to_be_used_again(tmp_path):
    path = database(tmp_path / "a.db", 3000, incremental=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM event_logs WHERE id < 30")
    before = path.stat().st_size
    assert give_back(path, may_rebuild=True) is None
    assert path.stat().st_size == before


def test_a_log_is_packed_once_and_keeps_every_line(tmp_path):
    path = database(tmp_path / f"{uuid.uuid4()}.db", 30)
    with closing(sqlite3.connect(path)) as connection:
        for number in range(20):
            connection.execute(f"CREATE TABLE unused{number} (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    assert run_logs.pack(path) > 100_000
    assert kept(path) == 30
    assert run_logs.pack(path) == 0


def test_a_log_keeps_its_outlines_and_what_the_code_itself_said(tmp_path):
    path = database(tmp_path / f"{uuid.uuid4()}.db", 300)
    assert run_logs.shorten(path, ["PIPELINE_SUCCESS"]) > 100_000
    with closing(sqlite3.connect(path)) as connection:
        kinds = connection.execute("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1").fetchall()
    assert kinds == [(None, 100), ("PIPELINE_SUCCESS", 100)]
    assert run_logs.shorten(path, ["PIPELINE_SUCCESS"]) == 0


def test_a_log_that_is_being_read_is_left_for_another_time(tmp_path):
    path = database(tmp_path / f"{uuid.uuid4()}.db", 300)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event_logs").fetchone()
        assert run_logs.shorten(path, ["PIPELINE_SUCCESS"]) == 0
    assert kept(path) == 300
    assert run_logs.shorten(path, ["PIPELINE_SUCCESS"]) > 0


def test_only_what_belongs_to_no_known_run_and_is_old_is_an_orphan(tmp_path):
    known, gone, young = (str(uuid.uuid4()) for _ in range(3))
    for name in (known, gone, young):
        database(tmp_path / f"{name}.db", 3)
        for file in tmp_path.glob(f"{name}.db*"):
            os.utime(file, (1000, 1000))
    os.utime(tmp_path / f"{young}.db", (5000, 5000))
    for name in ("index.db", ".db", "notes.txt", "mine.db"):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (1000, 1000))
    assert run_logs.orphans(tmp_path, {known}, 4000) == [tmp_path / f"{gone}.db"]


def test_folders_of_runs_that_are_gone_are_orphans_too(tmp_path):
    known, gone = str(uuid.uuid4()), str(uuid.uuid4())
    for name in (known, gone, "meter"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1000, 1000))
    assert run_logs.orphan_folders(tmp_path, {known}, 4000) == [tmp_path / gone]
    (tmp_path / gone / "out").write_bytes(b"12345")
    assert run_logs.remove_folder(tmp_path / gone) == 5
    assert run_logs.orphan_folders(tmp_path / "nowhere", set(), 4000) == []
