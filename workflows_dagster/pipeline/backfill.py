"""Runs a range of days as one Dagster run in this process."""

import gc
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
from dagster import DagsterInstance
from sqlalchemy.exc import DBAPIError

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation.weights import MeterWeights
from workflows_dagster.pipeline.assets.meters import PROFILES_KEY
from workflows_dagster.pipeline.assets.months import MONTHS_KEY
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB, MONTHS_JOB, PROFILES_JOB
from workflows_dagster.pipeline.partitions import partition_span, range_tags
from workflows_dagster.pipeline.sensors.downstream import follow_ups
from workflows_dagster.pipeline.storage.damage import DamagedHomeError, damaged_home
from workflows_dagster.pipeline.storage.home import ensure_home
from workflows_dagster.pipeline.storage.opening import one_at_a_time
from workflows_dagster.repair.due import MadeFrom
from workflows_dagster.settings.dagster_home import HOME_VARIABLE
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import open_store
from workflows_dagster.stores.ports import StoreError

# Keeps Dagster's log off the terminal; the event log has everything.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

_STEP_IS_DONE = dg.DagsterEventType.STEP_SUCCESS.value

# Called with the name of each finished step.
Progress = Callable[[str], None]


class BackfillError(RuntimeError):
    """The run failed; the text says which meter and why, without a traceback."""


@dataclass(frozen=True)
class BackfillResult:
    """The result of a backfill.

    Attributes:
        run_id: Id of the Dagster run.
        meters: Number of meters.
        days: Number of days of each.
        seconds: Duration. [s]
    """

    run_id: str
    meters: int
    days: int
    seconds: float

    @property
    def partitions(self) -> int:
        """Number of materialized partitions."""
        return self.meters * self.days


@contextmanager
def dagster_instance(home: Path) -> Iterator[DagsterInstance]:
    """Open a Dagster home; create it if it does not exist.

    Raises:
        HomeError: It cannot be created.
        DamagedHomeError: A database in it is damaged, which may be detected at any time while it is open.
    """
    # The event log reads its folder from this variable.
    os.environ[HOME_VARIABLE] = str(ensure_home(home))
    try:
        with one_at_a_time(home):
            opened = DagsterInstance.get()
        with opened as instance:
            yield instance
    except (sqlite3.Error, DBAPIError) as error:
        if sentence := damaged_home(home, error):
            raise DamagedHomeError(sentence) from error
        raise


def fit_missing_profiles(settings: Settings, instance: DagsterInstance) -> bool:
    """Fit the profiles if some meter has none, or could follow the weather now that temperatures are known.

    Returns:
        Whether a run was needed.

    Raises:
        BackfillError: The run failed.
        StoreError: The store cannot be read.
    """
    fitted = settings.meters.physical
    with open_store(settings) as store:
        weights = MeterWeights(settings, store)
        settled = all(weights.spread(meter) is not None and not weights.awaits_fit(meter) for meter in fitted)
        if settled and not any(weights.may_come_to_follow_weather(meter) for meter in fitted):
            return False
    _execute(build_definitions(settings), instance, PROFILES_JOB, [PROFILES_KEY], {}, lambda _: None)
    return True


def backfill(
    settings: Settings,
    instance: DagsterInstance,
    meters: Sequence[str],
    asked: DayRange,
    progress: Progress = lambda _: None,
) -> BackfillResult:
    """Materialize some meters over a range of days in one run, then their costs, anomalies, months and checks.

    Args:
        settings: The house.
        instance: Where the run is recorded.
        meters: The meters; their sources' days are read from the store.
        asked: The days.
        progress: Called after each meter.

    Raises:
        BackfillError: The run failed. Days that other meters had written are kept.
        StoreError: The store cannot be read.
    """
    begun = time.monotonic()
    keys = [dg.AssetKey(meter) for meter in meters]
    definitions = build_definitions(settings)
    run_id = _execute(definitions, instance, DAYS_JOB, keys, range_tags(asked), progress)
    within = partition_span(settings, pd.Timestamp.now("UTC"))
    if within is not None:
        with open_store(settings) as store:
            due = MadeFrom(settings).due(store, within)
        for run in follow_ups({owner: found.days for owner, found in due.items()}, within):
            _execute(definitions, instance, run.job, run.keys, run.tags, progress)
    return BackfillResult(run_id, len(meters), asked.count, time.monotonic() - begun)


def report_month(settings: Settings, instance: DagsterInstance, month: date) -> None:
    """Materialize one month, including its report if it is over.

    Args:
        settings: The house.
        instance: Where the run is recorded.
        month: First day of the month.

    Raises:
        BackfillError: The run failed.
    """
    _execute(
        build_definitions(settings),
        instance,
        MONTHS_JOB,
        [MONTHS_KEY],
        range_tags(DayRange.single(month)),
        lambda _: None,
    )


def _execute(
    definitions: dg.Definitions,
    instance: DagsterInstance,
    job: str,
    keys: Sequence[dg.AssetKey],
    tags: dict[str, str],
    progress: Progress,
) -> str:
    run_id = str(uuid.uuid4())

    def tell(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.event_type_value == _STEP_IS_DONE and event.step_key is not None:
            progress(event.step_key)

    instance.add_event_listener(run_id, tell)
    job_def = definitions.resolve_job_def(job)
    if keys:
        # A selection of assets includes their checks by default, each with a row per day.
        job_def = job_def.get_subset(asset_selection=frozenset(keys), asset_check_selection=frozenset())
    with _seldom_garbage_collection():
        result = job_def.execute_in_process(
            instance=instance, tags=tags, raise_on_error=False, run_id=run_id, run_config=_QUIET
        )
    if not result.success:
        raise BackfillError(_cause(result))
    return run_id


@contextmanager
def _seldom_garbage_collection() -> Iterator[None]:
    """Collect garbage rarely: Dagster keeps all events of a run, and each collection would scan them."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _cause(result: dg.ExecuteInProcessResult) -> str:
    """Name the meter that failed and the reason: our own error if there is one, else the innermost exception."""
    for event in result.all_events:
        if event.is_step_failure:
            chain = [event.step_failure_data.error]
            while chain[-1] is not None and chain[-1].cause is not None:
                chain.append(chain[-1].cause)
            ours = next(
                (error for error in chain if error is not None and error.cls_name == StoreError.__name__), chain[-1]
            )
            reason = ours.message.strip() if ours is not None else "no reason given"
            return f"{event.step_key}: {reason.split(': ', 1)[-1]}"
    return "the run failed before its first step. See the run on the Dagster page."
