"""What an update copies, and brings back, of a house that was restored once: its current generation, and no other."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "install" / "state_copy.py"


@pytest.fixture(scope="module")
def state_copy():
    spec = importlib.util.spec_from_file_location("state_copy", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def database(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("CREATE TABLE IF NOT EXISTS readings (value)")


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "lib"
    for number in (1, 2):
        database(state / f"state/generations/{number}/data/utility_meters.sqlite", number)
        database(state / f"state/generations/{number}/home/history/runs.db", number)
    (state / "state/current").symlink_to("generations/2")
    (state / "utility_meters.sqlite").symlink_to("state/current/data/utility_meters.sqlite")
    (state / "dagster_home").mkdir()
    (state / "dagster_home/history").symlink_to("../state/current/home/history")
    (tmp_path / "etc").mkdir()
    return state


def test_the_current_generation_is_copied_and_brought_back(state_copy, state: Path, tmp_path: Path):
    state_copy.make(state, tmp_path / "etc", tmp_path / "copy")
    copied = {
        path.relative_to(tmp_path / "copy/state").as_posix()
        for path in (tmp_path / "copy").rglob("*.*")
        if path.is_file()
    }
    assert copied == {"state/generations/2/data/utility_meters.sqlite", "state/generations/2/home/history/runs.db"}
    database(state / "utility_meters.sqlite", 7)
    state_copy.back(state, tmp_path / "copy/state")
    assert version_of(state / "utility_meters.sqlite") == 2
    assert (state / "utility_meters.sqlite").is_symlink()


def test_the_programs_own_backup_is_brought_back_through_the_link(state_copy, state: Path, tmp_path: Path):
    database(tmp_path / "unpacked/utility_meters.sqlite", 1)
    said = state_copy.back(state, tmp_path / "unpacked")
    assert version_of(state / "state/generations/2/data/utility_meters.sqlite") == 1
    assert (state / "utility_meters.sqlite").is_symlink()
    (aside,) = (state / "state/generations/2/data").glob("utility_meters.sqlite.set-aside-*")
    assert version_of(aside) == 2
    assert aside.name in said
