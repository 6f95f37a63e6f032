"""Finds failing schedules and sensors in the ticks that Dagster stores."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.pipeline.storage.version import is_tested

if is_tested():
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorState, TickStatus

SENSOR_PATIENCE = pd.Timedelta(hours=1)
"""How long a sensor may fail before it is reported; it may fail while the store restarts."""

# Long enough that the next tick of a monthly schedule can repair its failure.
_REMEMBERED = pd.Timedelta(days=35)
# Ticks of one sensor within its patience, at two a minute.
_MOST_TICKS = 150


@dataclass(frozen=True)
class FailingInstigator:
    """A schedule whose last tick failed, or a sensor whose ticks have all failed for an hour.

    Attributes:
        name: Its name.
        kind: `schedule` or `sensor`.
        since: When it failed or began to fail, UTC.
    """

    name: str
    kind: str
    since: pd.Timestamp


def failing_instigators(
    instance: DagsterInstance, names: Collection[str], location: str | None, now: pd.Timestamp
) -> Iterator[FailingInstigator]:
    """Find the failing schedules and sensors; none if this version of Dagster is unknown.

    Args:
        instance: Dagster's own.
        names: Schedules and sensors of this house.
        location: Name of their code location; None if unknown.
        now: The present, UTC.
    """
    if not is_tested():
        return
    for state in instance.all_instigator_state():
        of_here = location is None or location == state.origin.repository_origin.code_location_origin.location_name
        if state.instigator_name not in names or not state.is_running or not of_here:
            continue
        since = _failing_since(instance, state, now)
        if since is not None:
            kind = "schedule" if state.instigator_type == InstigatorType.SCHEDULE else "sensor"
            yield FailingInstigator(state.instigator_name, kind, since)


def _failing_since(instance: DagsterInstance, state: "InstigatorState", now: pd.Timestamp) -> pd.Timestamp | None:
    finished = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
    origin, selector = state.instigator_origin_id, state.selector_id
    newest = instance.get_ticks(origin, selector, limit=1, statuses=finished)
    if not newest or newest[0].status != TickStatus.FAILURE or newest[0].timestamp < (now - _REMEMBERED).timestamp():
        return None
    if state.instigator_type == InstigatorType.SCHEDULE:
        return pd.Timestamp(newest[0].timestamp, unit="s", tz="UTC")
    # Slightly longer than the patience, to include the first failure before it.
    after = (now - 1.1 * SENSOR_PATIENCE).timestamp()
    recent = instance.get_ticks(origin, selector, after=after, limit=_MOST_TICKS, statuses=finished)
    first = min((tick.timestamp for tick in recent), default=now.timestamp())
    if first > (now - SENSOR_PATIENCE).timestamp() or any(tick.status != TickStatus.FAILURE for tick in recent):
        return None
    return pd.Timestamp(first, unit="s", tz="UTC")
