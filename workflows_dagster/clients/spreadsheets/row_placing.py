"""Converts the lines' readings to instants in UTC and the meters' units, meter by meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.clients.spreadsheets.header_names import Header
from workflows_dagster.clients.spreadsheets.table_layout import KnownMeter
from workflows_dagster.clients.spreadsheets.time_stamps import Placed, Stamp, placed
from workflows_dagster.clients.spreadsheets.units_of_columns import converted, energy, is_power
from workflows_dagster.clients.spreadsheets.verdicts import CellError, Remark
from workflows_dagster.domain import days
from workflows_dagster.domain.interval_lengths import MINUTES_PER_DAY, found_minutes

_FEWEST_ENDS = 2


@dataclass(frozen=True)
class Draft:
    """A reading as written in its line.

    Attributes:
        line: Number of the line.
        meter_id: The meter, or None if it is not given.
        meter: The house's meter of this id, if any.
        stamp: Its time, or None if unreadable.
        value: Number of the cell, or None if unreadable. [unit of the header]
        header: Header of its column.
        faults: Reasons why it is unusable.
    """

    line: int
    meter_id: str | None
    meter: KnownMeter | None
    stamp: Stamp | None
    value: float | None
    header: Header
    faults: tuple[Remark, ...]


@dataclass(frozen=True)
class PlacedRow:
    """A reading in UTC and in the meter's unit, or the reasons why it is unusable.

    Attributes:
        at: Instant; for an interval its opening; None if unknown.
        value: Amount. [meter unit]
        remarks: Assumptions.
        faults: Reasons why it is unusable.
    """

    at: pd.Timestamp | None
    value: float | None
    remarks: tuple[Remark, ...] = ()
    faults: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class PlacedRows:
    """All readings of a table.

    Attributes:
        rows: In the order of the drafts.
        ends: Interval meters whose stamps run from 01:00 to 24:00 but were taken as starts.
        minutes: Inferred length of the intervals by meter. [min]
    """

    rows: tuple[PlacedRow, ...]
    ends: tuple[str, ...]
    minutes: Mapping[str, int]


def place(
    drafts: Sequence[Draft], zone: ZoneInfo, bare: time, is_stamped_at_end: bool, is_power_meant: bool
) -> PlacedRows:
    """Convert a table's readings to UTC and the meters' units.

    Args:
        drafts: In the order of the file.
        zone: The house's zone.
        bare: Time of day of a day without time; for intervals midnight.
        is_stamped_at_end: Whether intervals are stamped at their end.
        is_power_meant: Whether power is to be converted to energy.
    """
    by_meter: dict[str | None, list[int]] = {}
    for number, draft in enumerate(drafts):
        by_meter.setdefault(draft.meter_id, []).append(number)
    rows: list[PlacedRow] = [PlacedRow(None, None)] * len(drafts)
    ends, found = [], {}
    for numbers in by_meter.values():
        own = [drafts[number] for number in numbers]
        meter = own[0].meter
        is_interval = meter is not None and meter.is_interval
        times = _times(own, zone, time() if is_interval else bare)
        minutes = np.full(len(own), 60, dtype=np.int64)
        if meter is not None and is_interval:
            minutes = _minutes(times, meter.minutes)
            if meter.minutes is None and len(minutes):
                found[meter.meter_id] = int(np.bincount(minutes).argmax())
            if is_stamped_at_end:
                times = [_opened(one, int(length), zone) for one, length in zip(times, minutes, strict=True)]
            elif _are_ends(own):
                ends.append(meter.meter_id)
        for number, draft, one, length in zip(numbers, own, times, minutes.tolist(), strict=True):
            rows[number] = _row(draft, one, length, is_power_meant)
    return PlacedRows(tuple(rows), tuple(ends), found)


def _times(drafts: Sequence[Draft], zone: ZoneInfo, bare: time) -> list[Placed]:
    read = [draft.stamp for draft in drafts if draft.stamp is not None]
    instants = iter(placed(read, zone, bare))
    return [next(instants) if draft.stamp is not None else Placed(None) for draft in drafts]


def _minutes(times: Sequence[Placed], declared: int | None) -> np.ndarray:
    if declared is not None:
        return np.full(len(times), declared, dtype=np.int64)
    known = pd.DatetimeIndex([one.at for one in times if one.at is not None], tz="UTC").as_unit("us")
    stamps = np.unique(days.microseconds(known))
    lengths = dict(zip(stamps.tolist(), found_minutes(stamps).tolist(), strict=True))
    return np.array([60 if one.at is None else lengths[days.microsecond(one.at)] for one in times], dtype=np.int64)


def _opened(one: Placed, minutes: int, zone: ZoneInfo) -> Placed:
    """Give the opening of an interval that is stamped at its end."""
    if one.at is None:
        return one
    if minutes < MINUTES_PER_DAY:
        return Placed(one.at - pd.Timedelta(minutes=minutes), one.remarks)
    local = (one.at.tz_convert(zone).tz_localize(None) - pd.Timedelta(days=1)).tz_localize(
        zone, ambiguous=True, nonexistent="shift_forward"
    )
    return Placed(local.tz_convert("UTC"), one.remarks)


def _are_ends(drafts: Sequence[Draft]) -> bool:
    """Tell whether days end with 24:00 and none begins with 00:00."""
    stamps = [draft.stamp for draft in drafts if draft.stamp is not None]
    ends = sum(stamp.is_end_of_day for stamp in stamps)
    starts = sum(not (s.is_end_of_day or s.is_bare) and s.moment.time() == time() for s in stamps)
    return ends >= _FEWEST_ENDS and starts == 0


def _row(draft: Draft, one: Placed, minutes: int, is_power_meant: bool) -> PlacedRow:
    faults: list[Remark] = [] if one.at is not None else list(one.remarks)
    value = draft.value
    if value is not None and draft.meter is not None:
        try:
            value = _amount(value, draft.header, draft.meter, minutes, is_power_meant)
        except CellError as error:
            value, faults = None, [*faults, error.remark]
    return PlacedRow(one.at, value, one.remarks if one.at is not None else (), tuple(faults))


def _amount(value: float, header: Header, meter: KnownMeter, minutes: int, is_power_meant: bool) -> float:
    if not is_power(header) and not (is_power_meant and header.unit is None and meter.is_interval):
        return converted(value, header, meter.unit)
    if not meter.is_interval:
        raise CellError("power_of_register", column=header.written, unit=str(header.unit), meter_unit=meter.unit)
    if not is_power_meant:
        raise CellError("power_unasked", column=header.written, unit=str(header.unit), meter_unit=meter.unit)
    return energy(value, header, minutes, meter.unit)
