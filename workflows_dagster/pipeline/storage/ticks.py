"""Schedules and sensors that fail, found in the ticks that Dagster keeps."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.pipeline.storage.version import is_tested

if is_tested():
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import InstigatorState, TickStatus

SENSOR_PATIENCE = pd.Timedelta(hours=1)
"""How long a sensor may fail: one that ticks twice a minute may meet the store's restart."""

# A monthly schedule must be able to make its failure good.
_REMEMBERED = pd.Timedelta(days=35)
# Ticks of one sensor within its patience, at two a minute.
_MOST_TICKS = 150


@dataclass(frozen=True)
class FailingInstigator:
    """A schedule whose last tick failed, or a sensor all of whose ticks failed for an hour.

    Attributes:
        name: Its name.
        kind: `schedule` or `sensor`.
        since: When it failed, or began to fail, UTC.
    """

    name: str
    kind: str
    since: pd.Timestamp


def failing_instigators(
    instance: DagsterInstance, names: Collection[str], location: str | None, now: pd.Timestamp
) -> Iterator[FailingInstigator]:
    """Find the schedules and sensors that fail; none where this version of Dagster is not known.

    Args:
        instance: Dagster's own.
        names: Schedules and sensors of this house.
        location: Name of the code location that they are in; None where it is not known.
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
    # A little more than the patience, so that the first failure may lie before it.
    after = (now - 1.1 * SENSOR_PATIENCE).timestamp()
    recent = instance.get_ticks(origin, selector, after=after, limit=_MOST_TICKS, statuses=finished)
    first = min((tick.timestamp for tick in recent), default=now.timestamp())
    if first > (now - SENSOR_PATIENCE).timestamp() or any(tick.status != TickStatus.FAILURE for tick in recent):
        return None
    return pd.Timestamp(first, unit="s", tz="UTC")
