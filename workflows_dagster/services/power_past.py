"""Power and switches of the past, where Home Assistant's own InfluxDB integration has written them into the raw bucket.

It writes numbers under their unit, and an entity without a unit under its full id, `on` and `off` as 1 and 0.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from workflows_dagster.records.events import write_events
from workflows_dagster.records.power import write_power
from workflows_dagster.stores.ports import RawSeries, Store

_WATTS = {"W": 1.0, "kW": 1000.0}
_STATES = {0.0: "off", 1.0: "on"}
# A cover or a climate device has no such two states.
_SWITCHED = frozenset({"switch", "light", "fan"})


def copy_past(
    store: Store, sensors: Collection[str], devices: Collection[str], start: pd.Timestamp, end: pd.Timestamp
) -> pd.Timestamp | None:
    """Copy what there is of an interval to the streams of power and events. A repeat changes nothing.

    Args:
        store: The raw readings, and the streams.
        sensors: Sensors of power, with their domain.
        devices: Entities whose events count, with their domain.
        start: First instant, UTC.
        end: Instant after the last, UTC.

    Returns:
        The first instant that was copied; None if there is nothing.

    Raises:
        StoreError: It cannot be read, or not everything was stored.
    """
    power = [found for entity in sorted(sensors) if len(found := _power_of(store, entity, start, end))]
    events = [found for entity in sorted(devices) if len(found := _events_of(store, entity, start, end))]
    if power:
        write_power(store, pd.concat(power, ignore_index=True))
    if events:
        write_events(store, pd.concat(events, ignore_index=True))
    return min((frame["time"].min() for frame in (*power, *events)), default=None)


def _power_of(store: Store, entity: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    domain, _, name = entity.partition(".")
    parts = [store.readings(RawSeries(unit, name, domain=domain), start, end) * f for unit, f in _WATTS.items()]
    values = pd.concat(parts).sort_index()
    return pd.DataFrame({"time": values.index, "entity_id": entity, "power_w": values.to_numpy(dtype=float)})


def _events_of(store: Store, entity: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    domain, _, name = entity.partition(".")
    columns = ["time", "entity_id", "domain", "state", "previous_state", "attributes"]
    if domain not in _SWITCHED:
        return pd.DataFrame(columns=columns)
    values = store.readings(RawSeries(entity, name, domain=domain), start, end)
    values = values[values.isin(list(_STATES))]
    # An attribute that changes is written too.
    values = values[np.append(True, np.diff(values.to_numpy()) != 0)] if len(values) else values
    states = [_STATES[float(value)] for value in values]
    rows = {"time": values.index[1:], "state": states[1:], "previous_state": states[:-1]}
    return pd.DataFrame(rows).assign(entity_id=entity, domain=domain, attributes=None)[columns]
