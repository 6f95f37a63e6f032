"""Finds a table's header, below titles and notes, and identifies its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from workflows_dagster.clients.spreadsheets import header_words
from workflows_dagster.clients.spreadsheets.header_names import Header, is_foreign, read_header, unit_of
from workflows_dagster.clients.spreadsheets.tables import DEEPEST_HEADER, Cell, Line, TableError

_UNIT_IN_ONE_CELL = re.compile(r"(?:uom|unit|einheit|unité|unite)\s*:\s*(\S+)", re.IGNORECASE)
_BETWEEN_WORDS = re.compile(r"[\s_,;.:/-]+")
_NUMBER = re.compile(r"[-+]?\d[\d.,' ]*")
# Rows that tell whether a column holds numbers.
_LOOKED_AT = 50


@dataclass(frozen=True)
class KnownMeter:
    """A meter to match with columns and rows.

    Attributes:
        meter_id: The meter's id.
        unit: Its unit, canonical.
        description: What it counts, in the owner's words.
        is_interval: Whether it takes consumption of intervals, not register readings.
        minutes: Declared length of its intervals, if any. [min]
        is_temperature: Whether it is a thermometer, in °C: its values may be negative.
    """

    meter_id: str
    unit: str
    description: str | None = None
    is_interval: bool = False
    minutes: int | None = None
    is_temperature: bool = False


@dataclass(frozen=True)
class ValueColumn:
    """A column of readings.

    Attributes:
        place: Its index, from 0.
        header: Its header.
        meter_id: Its meter; None if the rows or the command name it.
    """

    place: int
    header: Header
    meter_id: str | None = None


@dataclass(frozen=True)
class Layout:
    """The layout of a table, from its header.

    Attributes:
        line: Line of the header.
        day: Column of the day, or of day and time.
        clock: Column of the time of day, or None.
        meter: Column that names the meter, or None.
        values: Columns of readings, at least one.
        unmatched: Headers of columns of numbers, or with a unit, that are no meter's.
        width: Number of columns in the header.
        is_day_first: Order of dates with slashes, by the header's language; None if unknown.
        is_comma_usual: Whether the decimal mark is usually a comma.
    """

    line: int
    day: int
    clock: int | None
    meter: int | None
    values: tuple[ValueColumn, ...]
    unmatched: tuple[str, ...]
    width: int
    is_day_first: bool | None
    is_comma_usual: bool


@dataclass(frozen=True)
class Wanted:
    """The command's options for columns.

    Attributes:
        meters: The house's physical meters, to match columns with.
        meter_id: Meter of the rows that name none, or None.
        columns: Requested meter ids by header.
    """

    meters: Sequence[KnownMeter] = ()
    meter_id: str | None = None
    columns: Mapping[str, str] | None = None

    def meter(self, meter_id: str | None) -> KnownMeter | None:
        """Give a meter by its id; None if unknown."""
        return next((meter for meter in self.meters if meter.meter_id == meter_id), None)

    @property
    def is_of_temperatures(self) -> bool:
        """Whether the file is one of outdoor temperatures."""
        meter = self.meter(self.meter_id)
        return meter is not None and meter.is_temperature


def find_layout(lines: Sequence[Line], wanted: Wanted) -> tuple[Layout, Sequence[Line]] | None:
    """Find a table's header and the lines below it; None if there is no header.

    Raises:
        TableError: The header does not identify the column of readings.
    """
    for number, line in enumerate(lines[:DEEPEST_HEADER]):
        if any(isinstance(cell, int | float | date | datetime) for cell in line.cells):
            continue
        layout = _layout(line, wanted)
        if layout is not None:
            above = _unit_above(lines[:number])
            if above is not None:
                layout = replace(layout, values=tuple(_with_unit(column, above) for column in layout.values))
            rows = lines[number + 1 :]
            return replace(layout, unmatched=_unmatched(line, layout, rows)), rows
    return None


def _unmatched(header: Line, layout: Layout, rows: Sequence[Line]) -> tuple[str, ...]:
    """Give the headers of columns of numbers that are no meter's, beside columns that are one's."""
    if layout.values[0].meter_id is None:
        return ()
    taken = {layout.day, layout.clock, layout.meter, *(column.place for column in layout.values)}
    headers = [read_header(cell) for cell in header.cells]
    return tuple(
        found.written
        for place, found in enumerate(headers)
        if place not in taken and found.written and (found.unit is not None or _is_of_numbers(place, rows))
    )


def _is_of_numbers(place: int, rows: Sequence[Line]) -> bool:
    cells = [row.cells[place] for row in rows[:_LOOKED_AT] if len(row.cells) > place]
    written = [cell for cell in cells if cell not in (None, "")]
    numbers = [cell for cell in written if isinstance(cell, int | float) or _NUMBER.fullmatch(str(cell).strip())]
    return len(numbers) * 2 > len(written)


def _layout(line: Line, wanted: Wanted) -> Layout | None:
    headers = [read_header(cell) for cell in line.cells]
    names = [header.name for header in headers]
    days = [place for place, name in enumerate(names) if name in header_words.DAYS]
    if not days:
        return None
    # Beside a column of dates, `time` is the time of day.
    day = next((place for place in days if names[place] != "time"), days[0])
    clock = next((place for place, name in enumerate(names) if name in header_words.CLOCKS and place != day), None)
    meter = next((place for place, name in enumerate(names) if name in header_words.METERS), None)
    rest = [place for place in range(len(headers)) if place not in (day, clock, meter) and headers[place].written]
    values = _values(headers, rest, meter is not None, wanted)
    if not values:
        return None
    _check_once(names, [day, clock, meter])
    used = [place for place, header in enumerate(headers) if header.written]
    is_english = names[day] in header_words.ENGLISH_DAYS
    return Layout(
        line=line.number,
        day=day,
        clock=clock,
        meter=meter,
        values=values,
        unmatched=(),
        width=used[-1] + 1,
        is_day_first=None if is_english else True,
        is_comma_usual=not is_english,
    )


def _values(
    headers: Sequence[Header], rest: Sequence[int], has_meters: bool, wanted: Wanted
) -> tuple[ValueColumn, ...]:
    asked = {read_header(header).written.lower(): meter_id for header, meter_id in (wanted.columns or {}).items()}
    matched = {place: _whose(headers[place], asked, wanted) for place in rest}
    is_any_asked = any(_is_asked(headers[place], asked) for place in rest)
    named = _named_value(headers, rest, wanted)
    if is_any_asked or (not has_meters and wanted.meter_id is None):
        columns = [ValueColumn(place, headers[place], whose) for place, whose in matched.items() if whose is not None]
        if columns:
            return tuple(_once(columns))
    if named is not None:
        return (ValueColumn(named, headers[named]),)
    if wanted.meter_id is not None:
        own = [place for place, whose in matched.items() if whose == wanted.meter_id]
        with_unit = [place for place in rest if headers[place].unit is not None]
        if len(own) == 1:
            return (ValueColumn(own[0], headers[own[0]]),)
        if len(with_unit) == 1:
            return (ValueColumn(with_unit[0], headers[with_unit[0]]),)
        if len(with_unit) > 1:
            raise TableError(
                "which_column",
                columns=tuple(f"'{headers[place].written}'" for place in with_unit),
                example=f"{headers[with_unit[0]].written}={wanted.meter_id}",
            )
        # Who says that a file holds temperatures has named its only column.
        if wanted.is_of_temperatures and len(rest) == 1:
            return (ValueColumn(rest[0], headers[rest[0]]),)
    return ()


def _named_value(headers: Sequence[Header], rest: Sequence[int], wanted: Wanted) -> int | None:
    """Give the column with a name for readings; of several kinds, the one that the meter takes."""
    meter = wanted.meter(wanted.meter_id)
    kinds: tuple[frozenset[str], ...] = (
        (header_words.TEMPERATURES, header_words.VALUES)
        if wanted.is_of_temperatures
        else (header_words.CONSUMPTIONS, header_words.VALUES, header_words.STANDS)
        if meter and meter.is_interval
        else (header_words.STANDS, header_words.VALUES, header_words.CONSUMPTIONS)
    )
    for kind in kinds:
        places = [
            place
            for place in rest
            if headers[place].name in kind or (kind is header_words.VALUES and not headers[place].name)
        ]
        if len(places) > 1:
            raise TableError("column_twice", name=headers[places[0]].name)
        if places:
            return places[0]
    return None


def _whose(header: Header, asked: Mapping[str, str], wanted: Wanted) -> str | None:
    """Give the meter of a header: the requested one, else by id or description."""
    if _is_asked(header, asked):
        return asked.get(header.written.lower()) or asked[header.name]
    names = {_plain(header.written), _plain(header.name)} - {""}
    for meter in wanted.meters:
        if names & {_plain(meter.meter_id), _plain(meter.description or "")}:
            return meter.meter_id
    return None


def _plain(text: str) -> str:
    """Give a name as people may write it: `strom_einlieger`, `Strom, Einlieger` and `Strom Einlieger` are one."""
    return " ".join(_BETWEEN_WORDS.sub(" ", text.lower()).split())


def _is_asked(header: Header, asked: Mapping[str, str]) -> bool:
    return header.written.lower() in asked or header.name in asked


def _once(columns: Sequence[ValueColumn]) -> Sequence[ValueColumn]:
    seen: dict[str | None, ValueColumn] = {}
    for column in columns:
        if column.meter_id in seen:
            raise TableError(
                "two_columns_of_meter",
                meter=str(column.meter_id),
                columns=(f"'{seen[column.meter_id].header.written}'", f"'{column.header.written}'"),
            )
        seen[column.meter_id] = column
    return columns


def _check_once(names: Sequence[str], places: Sequence[int | None]) -> None:
    for place in places:
        if place is not None and names.count(names[place]) > 1:
            raise TableError("column_twice", name=names[place])


def _with_unit(column: ValueColumn, unit: str) -> ValueColumn:
    if column.header.unit is not None:
        return column
    return replace(column, header=replace(column.header, unit=unit_of(unit) or unit, is_foreign=is_foreign(unit)))


def _unit_above(lines: Sequence[Line]) -> str | None:
    """Give the unit above the header: `UOM: kWh` in one cell, or below or beside a cell `Unit`."""
    for number, line in enumerate(lines):
        for place, cell in enumerate(line.cells):
            text = cell if isinstance(cell, str) else ""
            in_one = _UNIT_IN_ONE_CELL.fullmatch(text)
            near: list[Cell] = [in_one[1]] if in_one else []
            if text.lower() in header_words.UNIT_CELLS:
                near += line.cells[place + 1 : place + 2]
                near += lines[number + 1].cells[place : place + 1] if number + 1 < len(lines) else ()
            for found in near:
                if isinstance(found, str) and (unit_of(found) or is_foreign(found)):
                    return found
    return None
