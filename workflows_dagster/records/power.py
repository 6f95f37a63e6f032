"""Power as it flows, five minutes of it, and what devices draw, in the store."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workflows_dagster.stores.ports import STREAMS_KEPT, ProcessedStore, Store
from workflows_dagster.stores.tagged import (
    DEVICE_POWER,
    HOME_POWER,
    RAW_STREAMS,
    SMART_METER,
    SMART_METER_CIRCUIT,
    TaggedStore,
)

POWER_COLUMNS = ("time", "entity_id", "power_w")
# How far back the newest five minutes are looked for.
_RECENT = pd.Timedelta(days=7)
_EVER = pd.Timestamp("1970-01-01", tz="UTC")
_OWNER = "house"


def write_power(store: TaggedStore, power: pd.DataFrame) -> None:
    """Store power as it changes. A repeat changes nothing.

    Args:
        store: Where to.
        power: Columns `time` (UTC), `entity_id` and `power_w` [W], NaN where the entity has no value from then on.

    Raises:
        StoreError: Not everything was stored.
    """
    gone = ~np.isfinite(power["power_w"].to_numpy(dtype=float))
    values = power["power_w"].mask(gone)
    store.add_rows(HOME_POWER, power[["time", "entity_id"]].assign(power_w=values, available=np.where(gone, 0, np.nan)))


def read_power(
    store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, entity_id: str | None = None
) -> pd.DataFrame:
    """Read the power in `[start, end)`, of one entity or of all.

    Returns:
        As `write_power` takes it, in order of time and entity.

    Raises:
        StoreError: The store cannot be read.
    """
    tags = {} if entity_id is None else {"entity_id": entity_id}
    return store.rows(HOME_POWER, start, end, tags).loc[:, list(POWER_COLUMNS)]


def write_five_minutes(store: TaggedStore, source: str, house: pd.DataFrame, circuits: pd.DataFrame) -> None:
    """Store five minutes of the house and its circuits, as `domain.smart_meter` gives them.

    Args:
        store: Where to.
        source: Entity of the whole house's power.
        house: Index the ends of the five minutes.
        circuits: Columns as the measurement's.

    Raises:
        StoreError: Not everything was stored.
    """
    store.add_rows(SMART_METER, house.rename_axis("time").reset_index().assign(source=source))
    store.add_rows(SMART_METER_CIRCUIT, circuits)


def read_house(store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Read the house's five minutes whose ends lie in `[start, end)`."""
    return store.rows(SMART_METER, start, end)


def read_circuits(store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Read the circuits' five minutes whose ends lie in `[start, end)`."""
    return store.rows(SMART_METER_CIRCUIT, start, end)


def house_source(store: TaggedStore, now: pd.Timestamp) -> str | None:
    """Give the entity of the whole house's power, by the newest five minutes of the last week; None without any."""
    found = read_house(store, now - _RECENT, now + _RECENT)
    return None if found.empty else str(found["source"].iloc[-1])


def write_devices(store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, rows: pd.DataFrame) -> None:
    """Replace what devices drew on the days in `[start, end)`."""
    store.replace_rows(DEVICE_POWER, start, end, rows)


def read_devices(
    store: TaggedStore, start: pd.Timestamp, end: pd.Timestamp, entity_id: str | None = None
) -> pd.DataFrame:
    """Read what devices drew on the days that open in `[start, end)`, of one or of all."""
    tags = {} if entity_id is None else {"entity_id": entity_id}
    return store.rows(DEVICE_POWER, start, end, tags)


def kept_since(now: pd.Timestamp, keep_days: int) -> pd.Timestamp:
    """Give the instant from which on the streams are kept, UTC: a midnight of UTC."""
    return now.tz_convert("UTC").floor("D") - pd.Timedelta(days=keep_days)


def deleted_before(store: ProcessedStore) -> pd.Timestamp:
    """Give the instant before which streams were deleted, however long they are to be kept now; UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    marks = store.read(STREAMS_KEPT, _OWNER)["since"].dropna()
    return pd.Timestamp(marks.iloc[-1]) if len(marks) else _EVER


def delete_expired(store: Store, now: pd.Timestamp, keep_days: int) -> pd.Timestamp:
    """Delete power and events that are older than `keep_days`; results stay.

    Returns:
        The instant from which on they are there, UTC.

    Raises:
        StoreError: Not everything was deleted.
    """
    since = max(kept_since(now, keep_days), deleted_before(store))
    # Before the deletion, so that no day counts as complete whose streams are half gone.
    mark = pd.DataFrame({"since": [since.isoformat()]}, pd.DatetimeIndex([_EVER]).as_unit("us"))
    store.replace(STREAMS_KEPT, _OWNER, "mark", _EVER, _EVER + pd.Timedelta(days=1), mark)
    for stream in RAW_STREAMS:
        store.delete_rows(stream, _EVER, since)
    return since
