"""Lets one process at a time open Dagster's home, and repairs databases that two processes created at once.

Dagster creates its SQLite databases when it first opens them. Two processes at once may each record a schema version,
and Dagster cannot open a database with two versions.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME

# Paths of stock SQLite storage and of our event log.
_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Lock a home against other processes that open it, and repair its databases first.

    Args:
        home: A home that has its dagster.yaml (`ensure_home`).

    Raises:
        OSError: dagster.yaml cannot be read.
    """
    with (home / INSTANCE_FILE_NAME).open("rb") as locked:
        # Released when the file is closed, also by the end of the process.
        fcntl.flock(locked, fcntl.LOCK_EX)
        for name in _DATABASES:
            if (home / name).exists():
                keep_newest_version(home / name)
        yield


def keep_newest_version(path: Path) -> bool:
    """Delete schema versions that another one in the same database includes, and tell whether there were any.

    Args:
        path: One of Dagster's SQLite databases.

    Raises:
        sqlite3.Error: The database is damaged.
    """
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
            return False
        versions = {version for (version,) in connection.execute("SELECT version_num FROM alembic_version")}
        if len(versions) < 2:
            return False
        included = versions & {older for version in versions for older in _before(version)}
        with connection:
            connection.executemany(
                "DELETE FROM alembic_version WHERE version_num = ?", ((version,) for version in included)
            )
        return bool(included)


def _before(version: str) -> Iterator[str]:
    """Give the schema versions before one of Dagster's."""
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError
    from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
    from dagster._core.storage.sql import get_alembic_config

    scripts = ScriptDirectory.from_config(get_alembic_config(sqlite_schedule_storage.__file__))
    try:
        yield from (
            script.revision for script in scripts.iterate_revisions(version, "base") if script.revision != version
        )
    except (CommandError, RevisionError):
        # A version of a newer Dagster, whose predecessors are unknown here.
        return
