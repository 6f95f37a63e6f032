"""Stores the state of the house's processes, so that a page without Dagster can show it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.stores.ports import HOUSE_STATUS, ProcessedStore

_HOUSE, _UNIT = "house", "status"


@dataclass(frozen=True)
class HouseStatus:
    """The state of runs and backups.

    Attributes:
        run_ended: When the last run ended, UTC; None before the first.
        run_result: `success`, `failure` or `canceled`; None before the first.
        failed_jobs: Jobs that failed and that no later run has repaired.
        backup: When the newest verified backup was made, UTC; None before the first.
    """

    run_ended: pd.Timestamp | None = None
    run_result: str | None = None
    failed_jobs: tuple[str, ...] = ()
    backup: pd.Timestamp | None = None


def keep_status(store: ProcessedStore, status: HouseStatus, at: pd.Timestamp) -> None:
    """Store a status in place of the one before.

    Args:
        store: Where to write.
        status: The status.
        at: When it was found, UTC.

    Raises:
        StoreError: It was not stored.
    """
    fields = {
        "run_ended": _text(status.run_ended),
        "run_result": status.run_result,
        "failed_jobs": ",".join(status.failed_jobs) or None,
        "backup": _text(status.backup),
    }
    points = pd.DataFrame({name: [value] for name, value in fields.items()}, _index(at), dtype=object)
    store.replace(HOUSE_STATUS, _HOUSE, _UNIT, *REPRESENTABLE, points)


def stored_status(store: ProcessedStore) -> HouseStatus | None:
    """Read the status; None before the first.

    Raises:
        StoreError: The store cannot be read.
    """
    found = store.read(HOUSE_STATUS, _HOUSE)
    if found.empty:
        return None
    row = found.iloc[-1]
    jobs = tuple(row["failed_jobs"].split(",")) if row["failed_jobs"] else ()
    return HouseStatus(_instant(row["run_ended"]), row["run_result"], jobs, _instant(row["backup"]))


def _text(at: pd.Timestamp | None) -> str | None:
    return None if at is None else at.isoformat()


def _instant(text: str | None) -> pd.Timestamp | None:
    return pd.Timestamp(text).as_unit("us") if text else None


def _index(at: pd.Timestamp) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([at]).as_unit("us")
