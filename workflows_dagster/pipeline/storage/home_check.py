"""A look at Dagster's home: whether it can be used, and how its events are stored."""

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
    """What a look at Dagster's home found.

    Attributes:
        folder: The home.
        is_there: It has a dagster.yaml; without one it is made at the first use.
        writable: It can be written, or made.
        problem: Why Dagster cannot open it, or None.
        damage: That a database in it is damaged and what to do, as sentences, or None.
        batches: Whether the events of a step go into the log in one transaction; None where it was not opened.
        runs: How many runs it knows; None where it was not opened.
        newest_run: Status of the newest run and when it was requested (UTC seconds since 1970), or None.
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
    """Find out whether Dagster can work in a home; one that is not there yet is not made.

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
    # A class that is not there, a database that cannot be reached, a version that is newer than ours.
    except (dagster.DagsterError, CheckError, HomeError, ImportError, OSError, SQLAlchemyError, ValueError) as error:
        problem = _first_line(error)
    return HomeFacts(home, is_there, writable, problem=problem)


def _opened(home: Path, instance: DagsterInstance) -> HomeFacts:
    newest = instance.get_run_records(limit=1)
    # Asked only so that the event log is looked into.
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
    """Tell whether a folder can be written or, where there is none, made."""
    for place in (folder, *folder.parents):
        if _exists(place):
            return place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    return False


def _wrong_key(error: dagster.DagsterInvalidConfigError) -> str:
    """Say what is wrong with the first key, without any value: one may be a password."""
    first = error.errors[0]
    if "FIELD" in first.reason.value:
        return first.message.partition(". Expected")[0]
    return f"{first.reason.value.lower().replace('_', ' ')} at {'.'.join(first.stack.levels) or 'the root'}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
