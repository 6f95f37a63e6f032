"""What Home Assistant has of each meter's hours: one mark a month, written after it read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.stores.ports import STATISTICS_SENT, ProcessedStore

_FOREVER = pd.Timestamp("2200-01-01", tz="UTC")


@dataclass(frozen=True)
class Sent:
    """One month of a meter as Home Assistant has it.

    Attributes:
        inputs: Digest of what its hours are computed from.
        digest: Digest of its sums.
        use: Sum of the days' use at the month's end, or at that of its last day. [unit of the statistic]
        cost: Sum of the days' cost, likewise. [currency]
        first: The meter's first hour there, UTC, as ISO text.
        last: The month's last hour there, likewise.
        shown: Sum of the use at the end of that hour. [unit of the statistic]
    """

    inputs: str
    digest: str
    use: float
    cost: float
    first: str
    last: str
    shown: float


def read_sent(store: ProcessedStore, meter_id: str, zone: ZoneInfo) -> dict[date, Sent]:
    """Read a meter's marks by month, in order.

    Raises:
        StoreError: The store cannot be read.
    """
    frame = store.read(STATISTICS_SENT, meter_id)[[one.name for one in fields(Sent)]].dropna()
    months = days.civil_days(pd.DatetimeIndex(frame.index), zone)
    return {month: Sent(*row) for month, row in zip(months, frame.itertuples(index=False, name=None), strict=True)}


def write_sent(
    store: ProcessedStore, meter_id: str, unit: str, zone: ZoneInfo, since: date, marks: Mapping[date, Sent]
) -> None:
    """Replace a meter's marks from a month on.

    Args:
        store: Where to write.
        meter_id: The meter.
        unit: The unit of its statistic.
        zone: Where days are cut.
        since: First day of the first month to replace.
        marks: Marks by month; those before `since` stay as they are. None means that nothing is known to be there.

    Raises:
        StoreError: They do not read back as written.
    """
    months = [month for month in sorted(marks) if month >= since]
    index = pd.DatetimeIndex([days.opening(month, zone) for month in months], tz="UTC").as_unit("us")
    frame = pd.DataFrame([asdict(marks[month]) for month in months], index, [one.name for one in fields(Sent)])
    store.replace(STATISTICS_SENT, meter_id, unit, days.opening(since, zone), _FOREVER, frame)


def meters_sent(store: ProcessedStore) -> set[str]:
    """Give the meters of which Home Assistant has something.

    Raises:
        StoreError: The store cannot be read.
    """
    return {meter_id for meter_id, found in store.texts(STATISTICS_SENT, "digest").items() if len(found)}
