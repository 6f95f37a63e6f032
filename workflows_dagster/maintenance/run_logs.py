"""The database that Dagster keeps of each run's log: made small once the run is over, and swept up after it is gone.

Each is some 140 KB before the first line, because SQLite gives each table and index a page of 4 KB, and every hourly
run leaves one.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path, PurePosixPath

# The smallest page there is.
_SMALL_PAGE = 512
# Larger logs gain little by small pages, and long rows make them slow.
_LARGEST_TO_PACK = 4_000_000
# Dagster leaves user_version at 0.
_SHORTENED = 1
_HEADER = 100
_BESIDE = ("-wal", "-shm", "-journal")
# In Dagster's home.
FOLDER = "history/runs"


def is_run_log(name: str) -> bool:
    """Tell whether a file, by its name within Dagster's home, is the log of one run."""
    path = PurePosixPath(name)
    return str(path.parent) == FOLDER and path.suffix == ".db" and _is_run_id(path.stem)


def log_of(folder: Path, run_id: str) -> Path:
    """Return where a run's log stands."""
    return folder / f"{run_id}.db"


def pack(path: Path) -> int:
    """Pack a log of a run that is over into small pages.

    It is either done or not begun, whenever the program is killed. One that is being read is left for another time.

    Returns:
        Bytes that it has become smaller.
    """
    before = _size(path)
    if not 0 < before <= _LARGEST_TO_PACK or _page_size(path) == _SMALL_PAGE:
        return 0
    return before - _size(path) if _rewritten(path, ()) else 0


def shorten(path: Path, kept_types: Sequence[str]) -> int:
    """Keep only the outlines of a log: lines of some types of event, and what the code itself logged.

    Returns:
        Bytes that it has become smaller.
    """
    before = _size(path)
    if not before or (_page_size(path), _user_version(path)) == (_SMALL_PAGE, _SHORTENED):
        return 0
    return before - _size(path) if _rewritten(path, kept_types) else 0


def remove(path: Path) -> int:
    """Remove a log with what stands beside it, and give its size in bytes."""
    size = _size(path)
    for file in (path, *(path.with_name(path.name + ending) for ending in _BESIDE)):
        file.unlink(missing_ok=True)
    return size


def orphans(folder: Path, known_runs: Collection[str], before: float) -> list[Path]:
    """Find logs of runs that are not known any more, and what a killed program left beside logs that are gone.

    Args:
        folder: Where the logs stand, among other databases.
        known_runs: Ids of all runs.
        before: Files that changed at or after this are left: their run may be about to begin. [s since 1970]
    """
    found = []
    for path in sorted(folder.iterdir()):
        name = path.name
        for ending in _BESIDE:
            name = name.removesuffix(ending)
        run_id = name.removesuffix(".db")
        if name == run_id or not _is_run_id(run_id):
            continue
        alone = path.name != name and not path.with_name(name).exists()
        if (run_id not in known_runs or alone) and _changed(path) < before:
            found.append(path)
    return found


def orphan_folders(folder: Path, known_runs: Collection[str], before: float) -> list[Path]:
    """Find folders in which runs that are not known any more kept files of their own."""
    if not folder.is_dir():
        return []
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and _is_run_id(path.name) and path.name not in known_runs and _changed(path) < before
    ]


def remove_folder(path: Path) -> int:
    """Remove a run's folder, and give its size in bytes."""
    size = sum(_size(file) for file in path.rglob("*") if file.is_file())
    shutil.rmtree(path, ignore_errors=True)
    return size


def _rewritten(path: Path, kept_types: Sequence[str]) -> bool:
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            # Fails as long as anyone else has it open; the page size cannot change with a write-ahead log.
            if connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0] != "delete":
                return False
            if kept_types:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(
                    "DELETE FROM event_logs WHERE dagster_event_type IS NOT NULL"
                    f" AND dagster_event_type NOT IN ({', '.join('?' * len(kept_types))})",
                    tuple(kept_types),
                )
                connection.execute(f"PRAGMA user_version = {_SHORTENED}")
                connection.execute("COMMIT")
            connection.execute(f"PRAGMA page_size = {_SMALL_PAGE}")
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
    except sqlite3.Error:
        return False
    return True


def _page_size(path: Path) -> int:
    return int.from_bytes(_header(path)[16:18], "big")


def _user_version(path: Path) -> int:
    return int.from_bytes(_header(path)[60:64], "big")


def _header(path: Path) -> bytes:
    """Read a database's header: opening thousands of them as databases would take a minute."""
    try:
        with path.open("rb") as stream:
            return stream.read(_HEADER)
    except FileNotFoundError:
        return b""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _is_run_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False
