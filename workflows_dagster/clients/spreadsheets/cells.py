"""What one cell means: a number or a time, written the English or the German way."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.clients.spreadsheets.files import Cell

# A day without a time is read at noon: a person reads meters by day, and midnight would be off by half a day on average
# and could put the reading into the day before.
TIME_OF_A_BARE_DAY = time(12)
FIRST_YEAR, LAST_YEAR = 1900, 2199
_SHOWN = 40

_ENGLISH_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_GERMAN_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_GERMAN_WHOLE = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3}){2,})")
_GERMAN_AMBIGUOUS = re.compile(r"[+-]?(?!0\.)\d{1,3}\.\d{3}")
_DOT = re.compile(r"[+-]?\d+\.\d+")
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"([T ]+(?P<clock>\d{2}:\d{2}(:\d{2}([.,]\d+)?)?) ?(?P<offset>[Zz]|[+-]\d{2}(:?\d{2})?)?)?"
)
_GERMAN_DAY = re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4}|\d{2})( +(?P<clock>\d{1,2}:\d{2}(:\d{2})?))?")
_CLOCK = re.compile(r"(?P<h>\d{1,2}):(?P<m>\d{2})(:(?P<s>\d{2}))?")


class CellError(ValueError):
    """A cell cannot be used; the text says what stands there and what is expected."""


def shown(cell: Cell) -> str:
    """Quote a cell for a sentence, cut where it is long."""
    text = str(cell)
    return f"'{text[:_SHOWN]}…'" if len(text) > _SHOWN else f"'{text}'"


def number(cell: Cell, *, german: bool) -> float:
    """Read a register reading.

    English: decimal dot, no thousands separators. German: the comma is the decimal sign; dots are thousands where they
    separate groups of three in front of a comma, or where there are several (`12.345,678`, `1.234.567`). A single dot
    is a decimal dot where it cannot separate thousands (`123.45`, `1234.567`, `0.123`), and ambiguous where it can
    (`1.234`): that is refused, because the wrong guess is wrong by a factor of a thousand.

    Raises:
        CellError: It is no number, ambiguous, not finite, or negative.
    """
    if cell is None:
        raise CellError("the reading is empty; expected a number")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise CellError(f"{shown(cell)} is not a number")
    value = float(_plain(cell, german=german)) if isinstance(cell, str) else _finite(cell)
    if not math.isfinite(value):
        raise CellError(f"{shown(cell)} is not a finite number")
    if value < 0.0:
        raise CellError(f"{shown(cell)} is negative; a register shows 0 or more")
    return value + 0.0  # Also turns -0.0 into 0.0.


def _finite(cell: int | float) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf


def _plain(text: str, *, german: bool) -> str:
    """Rewrite a number the way Python reads it."""
    text = text.replace("\N{MINUS SIGN}", "-")
    if _NOT_FINITE.fullmatch(text):
        return text
    if not german:
        if _ENGLISH_NUMBER.fullmatch(text):
            return text
        raise CellError(
            f"{shown(text)} is not a number with a decimal dot and no thousands separators, such as 12345.678"
        )
    if _GERMAN_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if _GERMAN_WHOLE.fullmatch(text):
        return text.replace(".", "")
    if _GERMAN_AMBIGUOUS.fullmatch(text):
        whole, comma = text.replace(".", ""), text.replace(".", ",")
        raise CellError(f"{shown(text)} can mean {whole} or {comma}; write {whole} or {comma}")
    if _DOT.fullmatch(text):
        return text
    raise CellError(f"{shown(text)} is not a number such as 12345,678 or 12.345,678")


def iso_time(cell: Cell) -> datetime:
    """Read a time as ISO 8601 writes it, or as a workbook keeps it.

    Returns:
        With an offset where one is given, else civil time; a day without a time is noon.

    Raises:
        CellError: It is no such time.
    """
    if cell is None:
        raise CellError("the time is empty; expected one such as 2024-03-31 18:30 or 2024-03-31T18:30:00+02:00")
    if isinstance(cell, datetime):
        return _plausible(cell)
    if isinstance(cell, date):
        return _plausible(datetime.combine(cell, TIME_OF_A_BARE_DAY))
    match = _ISO.fullmatch(cell) if isinstance(cell, str) else None
    if match is None:
        raise CellError(f"{shown(cell)} is not a time such as 2024-03-31 18:30 or 2024-03-31T18:30:00+02:00")
    clock = match["clock"] or TIME_OF_A_BARE_DAY.isoformat()
    try:
        return _plausible(datetime.fromisoformat(f"{match['day']}T{clock}{(match['offset'] or '').upper()}"))
    except CellError:
        raise
    except ValueError as error:
        raise CellError(f"{shown(cell)} does not exist ({error})") from None


def german_time(day: Cell, clock: Cell) -> datetime:
    """Read a German date and a time of day.

    A two-digit year is one of 2000 to 2099. Without a time of day it is the one that stands with the date, else noon.

    Raises:
        CellError: There is no date, one of them cannot be read, or they hold two different times of day.
    """
    civil_day, own_clock = _german_day(day)
    given = _clock(clock)
    if given is not None and own_clock is not None and given != own_clock:
        raise CellError(f"the time of day stands twice, {shown(own_clock)} with the date and {shown(given)} beside it")
    at = given if given is not None else own_clock
    return _plausible(datetime.combine(civil_day, TIME_OF_A_BARE_DAY if at is None else at))


def _german_day(cell: Cell) -> tuple[date, time | None]:
    if cell is None:
        raise CellError("the date is empty; expected one such as 31.12.2023")
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
        raise CellError(f"{shown(cell)} does not exist ({error})") from None
    raise CellError(f"{shown(cell)} is not a date such as 31.12.2023")


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
    raise CellError(f"{shown(cell)} is not a time of day from 00:00 to 23:59")


def _plausible(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise CellError(f"the year {moment.year} lies outside {FIRST_YEAR} to {LAST_YEAR}")
    return moment


def instant(moment: datetime, zone: ZoneInfo) -> tuple[pd.Timestamp, str]:
    """Place a time that may be civil in UTC.

    Returns:
        The instant, and what should be said about it: an hour that the autumn day has twice is taken as the first.

    Raises:
        CellError: The zone's clocks skip that time.
    """
    if moment.tzinfo is not None:
        return _utc(moment), ""
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return _utc(first), ""
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        raise CellError(f"{moment:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks skip it; correct the time")
    return _utc(first), (
        f"{moment:%Y-%m-%d %H:%M} stands twice in {zone.key}: taken as the first, {first.isoformat()[-6:]}; "
        f"to mean the second, write the time with its offset, {second.isoformat()[-6:]}"
    )


def _utc(moment: datetime) -> pd.Timestamp:
    return pd.Timestamp(moment.astimezone(UTC)).as_unit("us")
