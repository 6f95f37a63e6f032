"""Holds rows while the store is away: bounded, and what has no room is known to be missing."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workflows_dagster.live.states import Rows
from workflows_dagster.records.events import write_events
from workflows_dagster.records.power import write_power
from workflows_dagster.stores.tagged import TaggedStore

_POWER = ["time", "entity_id", "power_w"]
_EVENTS = ["time", "entity_id", "domain", "state", "previous_state", "attributes"]


class Spool:
    """Rows that are not stored yet.

    Args:
        most: How many are held; beyond that none are, since Home Assistant's history still has them.

    Attributes:
        missing_since: When the first row that had no room came; None if all are held. [s since 1970]
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows = Rows()
        self.missing_since: float | None = None

    def __len__(self) -> int:
        """Count the rows that are held."""
        return len(self._rows)

    def add(self, rows: Rows) -> None:
        """Hold further rows, as long as there is room."""
        if self.missing_since is None and len(self._rows) + len(rows) > self._most:
            # What is held is let go too: reading all of it again is simpler than knowing what is there twice.
            self.missing_since = min(one for one in (self._rows.first, rows.first) if one is not None)
            self._rows = Rows()
        if self.missing_since is None:
            self._rows.extend(rows)

    def refill(self, rows: Rows) -> None:
        """Hold what was read again; it comes in pieces, each of which is stored before the next."""
        self._rows.extend(rows)

    def lacks(self, since: float | None) -> None:
        """Say from when on rows must be read again and are not held; None if none must. [s since 1970]"""  # noqa: D415
        self.missing_since = since
        if since is not None:
            self._rows = Rows()

    def store(self, store: TaggedStore) -> int:
        """Store what is held, and let go of it.

        Returns:
            How many rows were stored.

        Raises:
            StoreError: Not everything was stored; all of it stays held.
        """
        rows = self._rows
        if rows.power:
            write_power(store, _frame(rows.power, _POWER))
        if rows.events:
            write_events(store, _frame(rows.events, _EVENTS))
        self._rows = Rows()
        return len(rows.power) + len(rows.events)


def _frame(rows: Sequence[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    seconds = frame["time"].to_numpy(dtype=float)
    return frame.assign(time=pd.to_datetime((seconds * 1e6).round().astype("int64"), unit="us", utc=True))
