"""Finds meters whose estimates would gain from a meter whose use they contain, or with which they go along."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Figure, Finding
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.valid_readings import is_read_rarely
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter

# Neighbours whose heat meters are compared, in file order; more would cost more than they tell.
_MOST_NEIGHBOURS = 3


def would_pay(settings: Settings, meter: PhysicalMeter, evaluation: Evaluation, now: pd.Timestamp) -> list[Finding]:
    """Compare a meter's estimates with those that take the use of a meter that is subtracted from it.

    A heat meter is also compared with those of its neighbours.

    Args:
        settings: The house.
        meter: The meter.
        evaluation: Of its house.
        now: The present, UTC.

    Returns:
        A note that names the meter that helps most; nothing where none does, where `estimate` says what to follow, or
        where the meter reports by itself.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    physical = evaluation.of_physical
    if not meter.estimate.is_auto:
        return []
    parts = settings.meters.subtracted_from(meter.meter_id)
    neighbours = () if parts or meter.utility != "heat" else _neighbours(settings, meter)

    def is_rare(one: PhysicalMeter) -> bool:
        return is_read_rarely(one, physical.readings.around(one, now, now))

    if not (parts or neighbours) or not is_rare(meter):
        return []
    parts = parts or tuple(other.meter_id for other in neighbours if not is_rare(other))[:_MOST_NEIGHBOURS]
    # One that is read by hand itself knows no more of the days between.
    parts = tuple(part for part in parts if not any(map(is_rare, settings.meters.sources_of(part))))
    history = physical.history(meter)
    gains = {part: physical.gain_of(meter, part, history) for part in parts}
    known = {part: gain for part, gain in gains.items() if gain is not None}
    if not known:
        return []
    best = min(known, key=lambda part: known[part].missed_with)
    gain = known[best]
    if not gain.pays:
        return []
    figures: dict[str, Figure] = {"other": best, "missed": gain.missed, "missed_with": gain.missed_with}
    return [Finding("like_would_pay", meter.meter_id, days.instants(history.times[:1])[0], now, figures, "note")]


def _neighbours(settings: Settings, meter: PhysicalMeter) -> tuple[PhysicalMeter, ...]:
    """Give the other heat meters that do not follow this one themselves."""
    meters = settings.meters
    return tuple(
        other
        for other in meters.physical
        if other.utility == "heat"
        and other.meter_id != meter.meter_id
        and meter.meter_id not in meters.contained_in(other.meter_id)
    )
