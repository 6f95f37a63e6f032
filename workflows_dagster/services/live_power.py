"""Stores five minutes of the house's and its circuits' power, from the stored stream."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.smart_meter import PowerCurve, circuit_power, five_minutes, house_power
from workflows_dagster.records.power import read_power, write_five_minutes
from workflows_dagster.stores.tagged import TaggedStore

# Each hour says once more what holds.
_BEFORE = pd.Timedelta(hours=1)


def store_five_minutes(
    store: TaggedStore,
    zone: ZoneInfo,
    source: str,
    circuits: Mapping[str, str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    register: pd.Series | None = None,
) -> pd.Timestamp | None:
    """Compute and store the five minutes that end in an interval.

    Args:
        store: Streams and results.
        zone: Zone in which days are cut.
        source: Entity of the whole house's power.
        circuits: Entities of the circuits, with their names.
        since: From here on, UTC.
        until: Instant up to which the streams are complete, UTC.
        register: Readings of the house's own register by instant. [kWh]

    Returns:
        End of the last five minutes; None if none are over.

    Raises:
        StoreError: The store cannot be read or written.
    """
    ends = five_minutes(since, until)
    if not len(ends):
        return None
    civil = days.civil_days(ends - pd.Timedelta(microseconds=1), zone)
    midnights = pd.DatetimeIndex([days.opening(day, zone) for day in civil])
    power = read_power(store, midnights[0] - _BEFORE, until)
    of_entity = dict(iter(power.groupby("entity_id")))

    def curve(entity_id: str) -> PowerCurve:
        return PowerCurve.of(of_entity.get(entity_id, power[:0]), until)

    house = house_power(curve(source), ends, midnights, register)
    curves = {name: curve(entity_id) for entity_id, name in circuits.items()}
    write_five_minutes(store, source, house, circuit_power(house["total_power_w"], curves, ends))
    return pd.Timestamp(ends[-1])
