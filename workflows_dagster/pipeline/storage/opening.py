"""Opens Dagster's home one process at a time, and mends what two that made it at once have left behind.

Dagster makes its SQLite databases when it first opens them. Two processes at once may each note a schema version, and a
database with two versions opens no more.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME

# Where stock SQLite and our event log put them.
_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """Hold back other processes that open a home, and mend its databases first.

    Args:
        home: A home that has its dagster.yaml (`ensure_home`).

    Raises:
        OSError: dagster.yaml cannot be read.
    """
    with (home / INSTANCE_FILE_NAME).open("rb") as locked:
        # Let go when the file is closed, also by the end of the process.
        fcntl.flock(locked, fcntl.LOCK_EX)
        for name in _DATABASES:
            if (home / name).exists():
                keep_newest_version(home / name)
        yield


def keep_newest_version(path: Path) -> bool:
    """Delete schema versions that another one in the same database already includes, and tell whether there were any.

    Args:
        path: One of Dagster's SQLite databases.

    Raises:
        sqlite3.Error: It is damaged.
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
    """Give the schema versions that led to one of Dagster's, without itself."""
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
        # A version of a newer Dagster: what it includes is not known here.
        return
