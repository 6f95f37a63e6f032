"""Checks Dagster's home: whether it is usable, and how its events are stored."""

import os
from dataclasses import dataclass
from pathlib import Path

import dagster
from dagster import DagsterInstance
from dagster_shared.check import CheckError
from sqlalchemy.exc import SQLAlchemyError
from yaml import YAMLError

from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.storage.damage import DamagedHomeError
from workflows_dagster.pipeline.storage.event_log import BatchingSqliteEventLogStorage
from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME, HomeError
from workflows_dagster.pipeline.storage.version import is_tested


@dataclass(frozen=True)
class HomeFacts:
    """The state of Dagster's home.

    Attributes:
        folder: The home.
        is_there: Whether it has a dagster.yaml; without one the home is created at first use.
        writable: Whether it can be written, or created.
        problem: Reason why Dagster cannot open it, or None.
        damage: Description of a damaged database and what to do, or None.
        batches: Whether the events of a step are stored in one transaction; None if it was not opened.
        runs: Number of runs; None if it was not opened.
        newest_run: Status of the newest run and time of its request (UTC seconds since 1970), or None.
    """

    folder: Path
    is_there: bool
    writable: bool
    problem: str | None = None
    damage: str | None = None
    batches: bool | None = None
    runs: int | None = None
    newest_run: tuple[str, float] | None = None


def look_at_home(home: Path) -> HomeFacts:
    """Check whether Dagster can use a home; a missing home is not created.

    Args:
        home: The folder, see `pipeline.home.home_folder`.
    """
    is_there = _exists(home / INSTANCE_FILE_NAME)
    writable = _writable(home)
    if not (is_there and writable):
        return HomeFacts(home, is_there, writable)
    try:
        with dagster_instance(home) as instance:
            return _opened(home, instance)
    except DamagedHomeError as error:
        return HomeFacts(home, is_there, writable, damage=str(error))
    except dagster.DagsterInvalidConfigError as error:
        problem = f"{INSTANCE_FILE_NAME} is not right: {_wrong_key(error)}"
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = f"{INSTANCE_FILE_NAME} is not YAML" + (f", see line {mark.line + 1}" if mark else "")
    # A missing class, an unreachable database, a newer version.
    except (dagster.DagsterError, CheckError, HomeError, ImportError, OSError, SQLAlchemyError, ValueError) as error:
        problem = _first_line(error)
    return HomeFacts(home, is_there, writable, problem=problem)


def _opened(home: Path, instance: DagsterInstance) -> HomeFacts:
    newest = instance.get_run_records(limit=1)
    # Only to make Dagster read the event log.
    instance.all_asset_keys()
    return HomeFacts(
        home,
        is_there=True,
        writable=True,
        batches=is_tested() and isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage),
        runs=instance.get_runs_count(),
        newest_run=(newest[0].dagster_run.status.value, newest[0].create_timestamp.timestamp()) if newest else None,
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _writable(folder: Path) -> bool:
    """Tell whether a folder can be written or, if it does not exist, created."""
    for place in (folder, *folder.parents):
        if _exists(place):
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def _wrong_key(error: dagster.DagsterInvalidConfigError) -> str:
    """Describe the first wrong key, without values, since one may be a password."""
    first = error.errors[0]
    if "FIELD" in first.reason.value:
        return first.message.partition(". Expected")[0]
    return f"{first.reason.value.lower().replace('_', ' ')} at {'.'.join(first.stack.levels) or 'the root'}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
