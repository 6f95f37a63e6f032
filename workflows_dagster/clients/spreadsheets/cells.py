"""Parses one cell: a number or a time, in English or German notation."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.clients.spreadsheets.tables import Cell, shown
from workflows_dagster.clients.spreadsheets.verdicts import CellError, Remark
from workflows_dagster.domain.number_notation import AmbiguousNumberError, Mark, NotANumberError, meanings, number_from

# A day without a time is taken as noon: people read meters by day, and midnight would be wrong by half a day on average
# and could move the reading into the day before.
TIME_OF_A_BARE_DAY = time(12)
FIRST_YEAR, LAST_YEAR = 1900, 2199

_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"([T ]+(?P<clock>\d{2}:\d{2}(:\d{2}([.,]\d+)?)?) ?(?P<offset>[Zz]|[+-]\d{2}(:?\d{2})?)?)?"
)
_GERMAN_DAY = re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}|\d{2})( +(?P<clock>\d{1,2}:\d{2}(:\d{2})?))?")
_CLOCK = re.compile(r"(?P<h>\d{1,2}):(?P<m>\d{2})(:(?P<s>\d{2}))?")


def number(cell: Cell, *, seen: frozenset[Mark], usual: Mark) -> float:
    """Read a register reading in either notation.

    A number with one mark before exactly three digits (`48.700`) is read by the decimal mark of its column. If the
    column shows none, the format's usual decimal mark is accepted and the other mark is refused, since a wrong guess
    would be wrong by a factor of a thousand.

    Args:
        cell: The cell.
        seen: Decimal marks of the column's unambiguous numbers.
        usual: Decimal mark of the format.

    Raises:
        CellError: The cell is not a number, ambiguous, not finite, or negative.
    """
    if cell is None:
        raise CellError("reading_empty")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise CellError("not_a_number", cell=shown(cell))
    value = _written(cell, seen, usual) if isinstance(cell, str) else _finite(cell)
    if not math.isfinite(value):
        raise CellError("not_finite", cell=shown(cell))
    if value < 0.0:
        raise CellError("negative", cell=shown(cell))
    return value + 0.0  # Also turns -0.0 into 0.0.


def _written(text: str, seen: frozenset[Mark], usual: Mark) -> float:
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    found = meanings(text)
    decimal = next(iter(seen)) if len(seen) == 1 else None
    if not seen and found and found[-1].decimal == usual:
        decimal = usual
    try:
        return number_from(text, decimal)
    except NotANumberError:
        raise CellError("not_a_number", cell=shown(text)) from None
    except AmbiguousNumberError as error:
        # With a further zero, three decimals are no longer ambiguous.
        fraction = f"{error.fraction.value:.12g}"
        fraction += "0" if len(fraction.partition(".")[2]) == 3 else ""
        raise CellError("ambiguous", cell=shown(text), whole=f"{error.whole.value:.12g}", fraction=fraction) from None


def _finite(cell: int | float) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def iso_time(cell: Cell) -> datetime:
    """Parse an ISO 8601 time, or a time cell of a workbook.

    Returns:
        With an offset where one is given, else civil time; a day without a time is noon.

    Raises:
        CellError: The cell is not such a time.
    """
    if cell is None:
        raise CellError("time_empty")
    if isinstance(cell, datetime):
        return _plausible(cell)
    if isinstance(cell, date):
        return _plausible(datetime.combine(cell, TIME_OF_A_BARE_DAY))
    match = _ISO.fullmatch(cell) if isinstance(cell, str) else None
    if match is None:
        raise CellError("not_a_time", cell=shown(cell))
    clock = match["clock"] or TIME_OF_A_BARE_DAY.isoformat()
    try:
        return _plausible(datetime.fromisoformat(f"{match['day']}T{clock}{(match['offset'] or '').upper()}"))
    except CellError:
        raise
    except ValueError as error:
        raise CellError("no_such_time", cell=shown(cell), reason=str(error)) from None


def german_time(day: Cell, clock: Cell) -> datetime:
    """Parse a German date and a time of day.

    A two-digit year is one of 2000 to 2099. Without a time cell, the time in the date cell counts, else noon.

    Raises:
        CellError: There is no date, one of them cannot be read, or they hold two different times of day.
    """
    civil_day, own_clock = _german_day(day)
    given = _clock(clock)
    if given is not None and own_clock is not None and given != own_clock:
        raise CellError("clock_twice", first=shown(own_clock), second=shown(given))
    at = given if given is not None else own_clock
    return _plausible(datetime.combine(civil_day, TIME_OF_A_BARE_DAY if at is None else at))


def _german_day(cell: Cell) -> tuple[date, time | None]:
    if cell is None:
        raise CellError("date_empty")
    if isinstance(cell, datetime):
        return cell.date(), None if cell.time() == time() else cell.time()
    if isinstance(cell, date):
        return cell, None
    text = cell if isinstance(cell, str) else ""
    match = _GERMAN_DAY.fullmatch(text)
    try:
        if match:
            year = int(match["y"]) + (2000 if len(match["y"]) == 2 else 0)
            return date(year, int(match["m"]), int(match["d"])), _clock(match["clock"])
        iso = _ISO.fullmatch(text)
        if iso and not iso["offset"]:
            return date.fromisoformat(iso["day"]), time.fromisoformat(iso["clock"]) if iso["clock"] else None
    except CellError:
        raise
    except ValueError as error:
        raise CellError("no_such_time", cell=shown(cell), reason=str(error)) from None
    raise CellError("not_a_date", cell=shown(cell))


def _clock(cell: Cell) -> time | None:
    if cell is None:
        return None
    if isinstance(cell, datetime):
        return cell.time()
    if isinstance(cell, time):
        return cell
    if isinstance(cell, timedelta) and timedelta() <= cell < timedelta(days=1):
        return (datetime.min + cell).time()
    match = _CLOCK.fullmatch(cell) if isinstance(cell, str) else None
    if match:
        hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"] or 0)
        if hour < 24 and minute < 60 and second < 60:
            return time(hour, minute, second)
    raise CellError("not_a_clock", cell=shown(cell))


def _plausible(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise CellError("year_outside", year=str(moment.year), first=str(FIRST_YEAR), last=str(LAST_YEAR))
    return moment


def instant(moment: datetime, zone: ZoneInfo) -> tuple[pd.Timestamp, tuple[Remark, ...]]:
    """Convert a time, civil or with an offset, to UTC.

    Returns:
        The instant, and a remark if it is ambiguous: in autumn's repeated hour, the first occurrence is taken.

    Raises:
        CellError: The time is skipped by the zone's clock change.
    """
    if moment.tzinfo is not None:
        return _utc(moment), ()
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return _utc(first), ()
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise CellError("hour_skipped", time=moment, zone=zone.key)
    offsets = {"first": first.isoformat()[-6:], "second": second.isoformat()[-6:]}
    return _utc(first), (Remark("hour_twice", {"time": moment, "zone": zone.key, **offsets}),)


def _utc(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment.astimezone(UTC)).as_unit("us")
