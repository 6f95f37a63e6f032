"""Parses dates and times of day as people and portals write them, and converts them to UTC."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.clients.spreadsheets.cells import FIRST_YEAR, LAST_YEAR
from workflows_dagster.clients.spreadsheets.tables import Cell, shown
from workflows_dagster.clients.spreadsheets.verdicts import CellError, Remark, RowCode

_CLOCK = (
    r"(?P<h>\d{1,2})[:.](?P<min>\d{2})([:.](?P<s>\d{2})([.,](?P<fraction>\d+))?)?"
    r"( ?Uhr)?( ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_HOUR_ALONE = re.compile(r"(?P<h>\d{1,2}) ?(Uhr|h)")
_TIME_OF_DAY = re.compile(_CLOCK)
_YEAR_FIRST = re.compile(
    rf"(?P<y>\d{{4}})(?P<mark>[-/])(?P<m>\d{{2}})(?P=mark)(?P<d>\d{{2}})"
    rf"([T ,]+(?P<clock>{_CLOCK}) ?(?P<offset>[Zz]|[+-]\d{{2}}(:?\d{{2}})?)?)?"
)
_WITH_DOTS = re.compile(rf"(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}}|\d{{2}})([ ,]+(?P<clock>{_CLOCK}))?")
_WITH_SLASHES = re.compile(
    rf"(?P<first>\d{{1,2}})/(?P<second>\d{{1,2}})/(?P<y>\d{{4}}|\d{{2}})([ ,]+(?P<clock>{_CLOCK}))?"
)
_END_OF_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stamp:
    """A time as it is written.

    Attributes:
        moment: Time with its offset, if given, else local time.
        is_bare: Whether there is no time of day; `moment` is then the day's midnight.
        is_end_of_day: Whether it is written as 24:00; `moment` is then the midnight after.
        is_of_two: Whether the time of day is in a separate cell.
    """

    moment: datetime
    is_bare: bool = False
    is_end_of_day: bool = False
    is_of_two: bool = False


@dataclass(frozen=True)
class Placed:
    """An instant with remarks.

    Attributes:
        at: UTC, or None if the time does not exist.
        remarks: Assumptions, or why there is no instant.
    """

    at: pd.Timestamp | None
    remarks: tuple[Remark, ...] = ()


def is_day_first(cells: Iterable[Cell], *, expected: bool | None) -> bool | None:
    """Determine the order of dates with slashes from the unambiguous ones.

    Args:
        cells: The column of dates, and that of times of day, if any.
        expected: Order in the header's language, or None.

    Returns:
        True for `31/12/2024`, False for `12/31/2024` and times with AM or PM; None if unknown.
    """
    orders = set()
    for cell in cells:
        if not isinstance(cell, str):
            continue
        match = _WITH_SLASHES.fullmatch(cell)
        clock = match["clock"] if match else cell
        if clock and (found := _TIME_OF_DAY.fullmatch(clock)) and found["half"]:
            orders.add(False)
        if match and int(match["first"]) > 12:
            orders.add(True)
        elif match and int(match["second"]) > 12:
            orders.add(False)
    if len(orders) == 1:
        return orders.pop()
    return None if orders else expected


def stamp(day: Cell, clock: Cell, *, day_first: bool | None, alone: bool) -> Stamp:
    """Parse a day and a time of day, in one or two cells.

    Args:
        day: The cell of the day, or of both.
        clock: The cell of the time of day, if any.
        day_first: Order of dates with slashes, see `is_day_first`.
        alone: Whether the column of the day should also hold the time of day; decides the error.

    Raises:
        CellError: There is no day, a cell is unreadable, or the cells have different times of day.
    """
    if day is None:
        raise CellError("time_empty" if alone else "date_empty")
    found = _day(day, day_first, "not_a_time" if alone else "not_a_date")
    given = _time_of_day(clock) if clock is not None else None
    if given is not None and not found.is_bare:
        own = (found.moment - datetime.combine(found.moment.date(), time(), found.moment.tzinfo)) if given else None
        if own != given:
            written = found.moment.time().isoformat()
            raise CellError("clock_twice", first=shown(written), second=shown(clock))
        given = None
    if given is not None:
        found = Stamp(found.moment + given, is_end_of_day=given == _END_OF_DAY, is_of_two=True)
    if not FIRST_YEAR <= found.moment.year <= LAST_YEAR:
        raise CellError("year_outside", year=str(found.moment.year), first=str(FIRST_YEAR), last=str(LAST_YEAR))
    return found


def placed(stamps: Sequence[Stamp], zone: ZoneInfo, bare: time) -> list[Placed]:
    """Convert the stamps of one meter to UTC.

    For times without offset in autumn's repeated hour, the order in the file decides: of two rows with the same time,
    the first is the earlier (the later, in a file in descending order). A row without a second one belongs to the hour
    before or after the step back. Without a step back it is taken as the first occurrence, with a remark.

    Args:
        stamps: In the order of the file.
        zone: The house's zone.
        bare: Time of day of a day without time.
    """
    moments = [
        datetime.combine(one.moment.date(), bare) if one.is_bare and one.moment.tzinfo is None else one.moment
        for one in stamps
    ]
    folds = _folds(moments, zone)
    return [_placed(moment, folds.get(place), zone) for place, moment in enumerate(moments)]


def _placed(moment: datetime, fold: int | None, zone: ZoneInfo) -> Placed:
    if moment.tzinfo is not None:
        return Placed(_utc(moment))
    first = moment.replace(tzinfo=zone, fold=fold or 0)
    if fold is not None:
        return Placed(_utc(first))
    second = moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return Placed(_utc(first))
    if not _exists(moment, zone):
        return Placed(None, (Remark("hour_skipped", {"time": moment, "zone": zone.key}),))
    offsets = {"first": first.isoformat()[-6:], "second": second.isoformat()[-6:]}
    return Placed(_utc(first), (Remark("hour_twice", {"time": moment, "zone": zone.key, **offsets}),))


def _folds(moments: Sequence[datetime], zone: ZoneInfo) -> dict[int, int]:
    """Give the occurrence (0 or 1), by index, of repeated times that the order distinguishes."""
    twice = [place for place, moment in enumerate(moments) if moment.tzinfo is None and _is_twice(moment, zone)]
    folds: dict[int, int] = {}
    for places in _by_day(twice, moments):
        if _runs_backwards(moments, places):
            places = places[::-1]
        times = [moments[place] for place in places]
        steps = [k for k in range(1, len(times)) if times[k] <= times[k - 1]]
        counts = Counter(times)
        if not steps or max(counts.values()) > 2:
            continue
        seen: set[datetime] = set()
        for k, (place, moment) in enumerate(zip(places, times, strict=True)):
            if counts[moment] == 2:
                folds[place] = int(moment in seen)
                seen.add(moment)
            else:
                folds[place] = int(k >= steps[0])
    return folds


def _by_day(places: Sequence[int], moments: Sequence[datetime]) -> list[list[int]]:
    days: dict[date, list[int]] = {}
    for place in places:
        days.setdefault(moments[place].date(), []).append(place)
    return list(days.values())


def _runs_backwards(moments: Sequence[datetime], places: Sequence[int]) -> bool:
    """Tell whether the file is in descending order, by the times around the repeated hour."""
    before, after = places[0] - 1, places[-1] + 1
    first = moments[before] if before >= 0 else None
    last = moments[after] if after < len(moments) else None
    naive = [moment for moment in (first, last) if moment is not None and moment.tzinfo is None]
    if len(naive) == 2:
        return naive[0] > naive[1]
    if len(naive) == 1:
        return naive[0] > moments[places[0]] if first in naive else naive[0] < moments[places[0]]
    return False


def _is_twice(moment: datetime, zone: ZoneInfo) -> bool:
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    return first.utcoffset() != second.utcoffset() and _exists(moment, zone)


def _exists(moment: datetime, zone: ZoneInfo) -> bool:
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment


def _utc(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment.astimezone(UTC)).as_unit("us")


def _day(cell: Cell, day_first: bool | None, otherwise: RowCode) -> Stamp:
    if isinstance(cell, datetime):
        # A workbook stores a day as its midnight.
        return Stamp(cell, is_bare=cell.time() == time())
    if isinstance(cell, date):
        return Stamp(datetime.combine(cell, time()), is_bare=True)
    text = cell if isinstance(cell, str) else ""
    match = _YEAR_FIRST.fullmatch(text) or _WITH_DOTS.fullmatch(text) or _WITH_SLASHES.fullmatch(text)
    if match is None:
        raise CellError(otherwise, cell=shown(cell))
    named = match.groupdict()
    year = int(named["y"]) + (2000 if len(named["y"]) == 2 else 0)
    if "first" in named:
        first, second = int(named["first"]), int(named["second"])
        if day_first is None and first != second and max(first, second) <= 12:
            either = {"one": f"{year}-{second:02}-{first:02}", "other": f"{year}-{first:02}-{second:02}"}
            raise CellError("day_or_month", cell=shown(cell), **either)
        is_first = day_first if day_first is not None else first > 12
        day_of_month, month = (first, second) if is_first else (second, first)
    else:
        day_of_month, month = int(named["d"]), int(named["m"])
    try:
        midnight = datetime(year, month, day_of_month)
        if named["clock"] is None:
            return Stamp(midnight, is_bare=True)
        clock = _elapsed(named, cell)
        offset = named.get("offset")
        if offset:
            midnight = datetime.fromisoformat(f"{midnight.isoformat()}{offset.upper()}")
        return Stamp(midnight + clock, is_end_of_day=clock == _END_OF_DAY)
    except CellError:
        raise
    except ValueError as error:
        raise CellError("no_such_time", cell=shown(cell), reason=str(error)) from None


def _time_of_day(cell: Cell) -> timedelta:
    if isinstance(cell, datetime):
        cell = cell.time()
    if isinstance(cell, time):
        return datetime.combine(date.min, cell) - datetime.min
    if isinstance(cell, timedelta) and timedelta() <= cell <= _END_OF_DAY:
        return cell
    text = cell if isinstance(cell, str) else ""
    match = _TIME_OF_DAY.fullmatch(text) or _HOUR_ALONE.fullmatch(text)
    if match is None:
        raise CellError("not_a_clock", cell=shown(cell))
    try:
        return _elapsed(match.groupdict(), cell)
    except CellError:
        raise CellError("not_a_clock", cell=shown(cell)) from None


def _elapsed(named: dict[str, str | None], cell: Cell) -> timedelta:
    """Parse the time of day as the time since midnight; 24:00 is the end of the day."""
    hour, minute, second = int(named["h"] or 0), int(named.get("min") or 0), int(named.get("s") or 0)
    if named.get("half"):
        if not 1 <= hour <= 12:
            raise CellError("no_such_time", cell=shown(cell), reason="1 to 12 with AM and PM")
        hour = hour % 12 + (12 if (named["half"] or "").lower() == "p" else 0)
    fraction = float(f"0.{named['fraction']}") if named.get("fraction") else 0.0
    found = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=round(fraction * 1e6))
    if minute > 59 or second > 59 or found > _END_OF_DAY:
        raise CellError("no_such_time", cell=shown(cell), reason="hour must be in 0..24")
    return found
