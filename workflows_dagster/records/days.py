"""Reads and writes a meter's days: one frame, stored as two measurements."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain.frames import BAND_COLUMNS, STORED_DAYS
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, REGISTER_DAILY, ProcessedStore

_REGISTER = {
    "opening": "value",
    "closing": "closing",
    "quality": "quality",
    "opening_lower": "lower",
    "opening_upper": "upper",
}
_CONSUMPTION = ["consumption", "quality", "estimated_share", "residual", *BAND_COLUMNS]


def write_days(
    store: ProcessedStore, meter_id: str, unit: str, start: pd.Timestamp, end: pd.Timestamp, days: pd.DataFrame
) -> None:
    """Replace a meter's days in `[start, end)`.

    Args:
        store: Where to write.
        meter_id: The meter.
        unit: Its unit.
        start: Opening of the first day, UTC.
        end: Closing of the last day, UTC.
        days: Index the days' openings; columns as `domain.allocation.allocate` or `domain.composition.compose_virtual`
            give them.

    Raises:
        StoreError: The range does not read back as written.
    """
    if "opening" in days:
        register = days[[column for column in _REGISTER if column in days]].rename(columns=_REGISTER)
    else:
        register = pd.DataFrame(columns=list(_REGISTER.values()), index=days.index[:0])
    store.replace(REGISTER_DAILY, meter_id, unit, start, end, register)
    consumption = days[[column for column in _CONSUMPTION if column in days]]
    store.replace(CONSUMPTION_DAILY, meter_id, unit, start, end, consumption)


def read_days(
    store: ProcessedStore, meter_id: str, start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
) -> pd.DataFrame:
    """Read a meter's days in `[start, end)`.

    Returns:
        Index the days' openings (UTC, name `start`); columns `opening`, `closing`, `consumption`, `quality`,
        `estimated_share`, `lower`, `upper`, `opening_lower`, `opening_upper`, `residual` and `unit`. Virtual meters
        have no register: NaN.

    Raises:
        StoreError: The store cannot be read.
    """
    consumption = store.read(CONSUMPTION_DAILY, meter_id, start, end)
    register = store.read(REGISTER_DAILY, meter_id, start, end).reindex(consumption.index)
    frame = consumption.assign(**{name: register[field] for name, field in _REGISTER.items() if name != "quality"})
    return STORED_DAYS.check(frame[list(STORED_DAYS.columns)].rename_axis("start"))
