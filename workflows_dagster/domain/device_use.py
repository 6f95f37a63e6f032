"""How long each device was on in a day, and what it drew, by its own events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workflows_dagster.domain.days import microsecond
from workflows_dagster.domain.device_steps import UNKNOWN, DeviceStep
from workflows_dagster.domain.event_attribution import CREDITED, Streams
from workflows_dagster.domain.smart_meter import PowerCurve

_MICROSECONDS_PER_HOUR = 3_600_000_000
COLUMNS = ("time", "entity_id", "on_w", "off_w", "spread_w", "events", "on_hours")


def level_curve(streams: Streams, entity: str, until: int) -> PowerCurve:
    """Give a device's level over time: what it was set to holds until the next event.

    Args:
        streams: Events around the time asked for.
        entity: The device.
        until: Instant up to which events are known, µs since 1970.

    Returns:
        Level, 0 to 1, NaN while unknown; before the first event, the state that it left. [1]
    """
    mine = np.flatnonzero(streams.events["entity_id"].to_numpy() == entity)
    if not len(mine):
        return PowerCurve(np.empty(0, np.int64), np.empty(0), until)
    instants, after = streams.instants[mine], streams.after[mine]
    last = np.append(np.diff(instants) > 0, True)
    long_before = -(2**61)
    return PowerCurve(
        np.concatenate([[long_before], instants[last]]), np.concatenate([[streams.before[mine[0]]], after[last]]), until
    )


def day_of_devices(
    streams: Streams,
    correlations: pd.DataFrame,
    devices: Mapping[str, DeviceStep],
    opening: pd.Timestamp,
    closing: pd.Timestamp,
) -> pd.DataFrame:
    """Give what each device drew on a day, and for how long it was on.

    Args:
        streams: Events from 14 days before the day closes.
        correlations: What each event of the day changed, as `attribute` gives it.
        devices: What is learnt of the devices when the day closes.
        opening: Instant at which the day opens, UTC.
        closing: Instant at which it ends, UTC.

    Returns:
        Columns `COLUMNS`, a row per device with a known state on that day, in order of entity: power while it was on,
        dimmed as it was (NaN if not learnt) [W], scatter of its step [W], number of credited events, hours on [h].
        What a device draws while it is off, nothing tells: `off_w` is NaN.
    """
    start, end = np.asarray([microsecond(opening)]), np.asarray([microsecond(closing)])
    credited = correlations.loc[correlations["method"].isin(CREDITED), "entity_id"].value_counts()
    rows = []
    for entity in sorted(set(streams.events["entity_id"].tolist())):
        level = level_curve(streams, entity, int(end[0]))
        on = PowerCurve(level.times, np.where(np.isnan(level.power), np.nan, level.power > 0), level.until)
        full, known, _ = level.between(start, end)
        hours = on.between(start, end)[0][0] / _MICROSECONDS_PER_HOUR
        if not known[0]:
            continue
        device = devices.get(entity, UNKNOWN)
        dimmed = full[0] / _MICROSECONDS_PER_HOUR / hours if hours else 1.0
        power = 0.5 * (device.up + device.down)
        spread = 0.5 * (device.spread_up + device.spread_down)
        rows.append((opening, entity, power * dimmed, np.nan, spread, float(credited.get(entity, 0)), float(hours)))
    return pd.DataFrame(rows, columns=list(COLUMNS))
