"""Copy the state while it is used, verified; and put databases back that a newer version has brought forward.

`state_copy.py make STATE CONFIG FOLDER` and `state_copy.py back STATE SAVED`. Needs nothing but Python itself, so that
it works whatever is wrong with a release.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

_MAGIC = b"SQLite format 3\x00"
_LEFT_OUT = {"backups", "cache", "log", "logs", "tmp"}
_BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")


class CopyError(RuntimeError):
    """The copy cannot be trusted; the text says why and what to do."""


def make(state: Path, config: Path, folder: Path) -> str:
    """Copy all of the state and the configuration without its secrets; return what was copied, in a sentence.

    Databases are copied by SQLite itself, consistently while they are written, and each copy is checked through and
    through. The folder appears under its name when everything in it is good and on the disk.

    Raises:
        CopyError: A database is damaged, or a file cannot be copied.
    """
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    databases = size = 0
    try:
        for path in _files(state):
            target = draft / "state" / path.relative_to(state)
            target.parent.mkdir(parents=True, exist_ok=True)
            if _is_database(path):
                _copy_database(path, target)
                databases += 1
            else:
                try:
                    shutil.copy2(path, target)
                except FileNotFoundError:
                    continue  # removed meanwhile: a run's own files come and go
            size += target.stat().st_size
        (draft / "config").mkdir()
        for path in sorted(config.glob("*")):
            if path.is_file():
                shutil.copy2(path, draft / "config" / path.name)
        for path in (*draft.rglob("*"), draft):
            _keep(path)
        draft.rename(folder)
    except (OSError, sqlite3.Error) as error:
        raise CopyError(f"{folder}: the backup failed ({error}). Make room or mend that, and try again.") from error
    return f"{folder}: {databases} databases, {size / 1e6:.1f} MB, verified"


def back(state: Path, saved_state: Path) -> str:
    """Put back each database whose schema is not the saved one's; the newer file is set aside, not removed.

    Raises:
        CopyError: A file cannot be moved.
    """
    done = []
    for saved in _files(saved_state):
        # After a restore by `meters restore` the usual name is a link to the current generation.
        live = (state / saved.relative_to(saved_state)).resolve()
        if not _is_database(saved) or not live.exists() or _schema(live) == _schema(saved):
            continue
        mark = datetime.now(timezone.utc).strftime(".set-aside-%Y%m%dT%H%M%SZ")  # noqa: UP017 - any Python 3
        draft = live.with_name(live.name + ".part")
        try:
            shutil.copy2(saved, draft)
            for ending in _BESIDE_A_DATABASE:
                beside = live.with_name(live.name + ending)
                if beside.exists():
                    beside.rename(live.with_name(live.name + mark + ending))
            # The old name is never without a file: a link keeps the newer one, the rename puts the other in its place.
            os.link(live, live.with_name(live.name + mark))
            draft.replace(live)
        except OSError as error:
            raise CopyError(f"{live}: cannot be put back from {saved} ({error}). Copy it by hand.") from error
        done.append(f"{live.name} (the newer one is {live.name}{mark})")
    return f"put back: {', '.join(done)}" if done else "the databases are as the installed version knows them"


def _keep(path: Path) -> None:
    """Have a file or folder on the disk before anything relies on it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _files(folder: Path) -> Iterator[Path]:
    generations, current = folder / "state" / "generations", folder / "state" / "current"
    for root, folders, names in os.walk(folder):
        here = Path(root)
        folders[:] = sorted(
            name
            for name in folders
            if not (here == folder and name in _LEFT_OUT)
            # Older generations are those before a restore. A copy has one, and no link.
            and (here != generations or not current.is_symlink() or name == current.resolve().name)
        )
        for name in sorted(names):
            path = here / name
            if path.is_file() and not path.is_symlink() and not _belongs_to_a_database(path):
                yield path


def _belongs_to_a_database(path: Path) -> bool:
    return any(
        path.name.endswith(ending) and path.with_name(path.name.removesuffix(ending)).exists()
        for ending in _BESIDE_A_DATABASE
    )


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _copy_database(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True, timeout=60)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy, pages=4096)
        # A copy is one file: nothing of it stands in a log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        [(verdict,)] = copy.execute("PRAGMA integrity_check(1)").fetchall()
    if verdict != "ok":
        raise CopyError(f"{source}: the database is damaged ({verdict}). Restore it from a backup before you update.")


def _schema(path: Path) -> tuple[object, ...]:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as database:
            [(version,)] = database.execute("PRAGMA user_version").fetchall()
            return (version, *database.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"))
    except sqlite3.Error:
        return ("unreadable",)


def main(action: str, *paths: str) -> int:
    """Do what is asked for; 1 and a sentence when it fails."""
    try:
        print({"make": make, "back": back}[action](*map(Path, paths)))
    except CopyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(*sys.argv[1:]))
