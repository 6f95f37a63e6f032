"""Stores which readings of each meter were imported or entered last, and when."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.stores.ports import READINGS_ADDED, ProcessedStore

_UNIT = "reading"


class Added(NamedTuple):
    """Readings that were added together.

    Attributes:
        at: When they were stored, UTC.
        first: Instant of the first of them, UTC.
        last: Instant of the last, UTC.
    """

    at: pd.Timestamp
    first: pd.Timestamp
    last: pd.Timestamp


def mark_added(store: ProcessedStore, meter_id: str, added: Added) -> None:
    """Store which readings of a meter were added last.

    Raises:
        StoreError: It was not stored.
    """
    point = pd.DataFrame(
        {"first": [added.first.isoformat()], "last": [added.last.isoformat()]},
        index=pd.DatetimeIndex([added.at]).as_unit("us"),
        dtype=object,
    )
    store.replace(READINGS_ADDED, meter_id, _UNIT, *REPRESENTABLE, point)


def last_added(store: ProcessedStore) -> dict[str, Added]:
    """Read which readings of each meter were added last; meters without any are absent.

    Raises:
        StoreError: The store cannot be read.
    """
    first = store.texts(READINGS_ADDED, "first")
    last = store.texts(READINGS_ADDED, "last") if first else {}
    return {
        meter_id: Added(
            pd.Timestamp(texts.index[-1]),
            pd.Timestamp(texts.iloc[-1]).as_unit("us"),
            pd.Timestamp(last[meter_id].iloc[-1]).as_unit("us"),
        )
        for meter_id, texts in first.items()
        if len(texts) and meter_id in last
    }
