"""How the live connection to Home Assistant is, one point: written by the process `house`, read by the alerts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd

from workflows_dagster.stores.ports import LIVE_STATUS, ProcessedStore

_AT = pd.Timestamp("1970-01-01", tz="UTC")
_AFTER = _AT + pd.Timedelta(days=1)
_OWNER, _UNIT = "house", "status"


@dataclass(frozen=True)
class LiveStatus:
    """The connection as it was last told.

    Attributes:
        at: When it was told, UTC.
        connected: When it was last there, UTC; None if never.
        problem: Why it is not there.
        clock: How far Home Assistant's clock is ahead; NaN if unknown. [s]
        silent: Sensors of power that send nothing, each with the instant since when (ISO 8601).
    """

    at: pd.Timestamp
    connected: pd.Timestamp | None
    problem: str | None
    clock: float
    silent: dict[str, str]


def write_live_status(store: ProcessedStore, status: LiveStatus) -> None:
    """Store the status in place of the one before.

    Raises:
        StoreError: It is not stored.
    """
    row = {
        "at": status.at.isoformat(),
        "connected": None if status.connected is None else status.connected.isoformat(),
        "problem": status.problem,
        "clock": status.clock,
        "silent": json.dumps(status.silent, sort_keys=True),
    }
    frame = pd.DataFrame([row], pd.DatetimeIndex([_AT]).as_unit("us"))
    store.replace(LIVE_STATUS, _OWNER, _UNIT, _AT, _AFTER, frame)


def read_live_status(store: ProcessedStore) -> LiveStatus | None:
    """Read the status; None before the first.

    Raises:
        StoreError: The store cannot be read.
    """
    frame = store.read(LIVE_STATUS, _OWNER)
    if frame.empty:
        return None
    row = frame.iloc[-1]
    connected = pd.Timestamp(row["connected"]) if row["connected"] else None
    return LiveStatus(
        pd.Timestamp(row["at"]), connected, row["problem"], float(row["clock"]), json.loads(row["silent"] or "{}")
    )
