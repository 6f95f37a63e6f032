"""The report as a whole: sections, their plots' bars, the summary and the notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from workflows_dagster.domain import months
from workflows_dagster.reports.content import (
    Bar,
    DatedNote,
    Line,
    MonthContent,
    Note,
    Section,
    Series,
)
from workflows_dagster.reports.gathering import GatheredMonth, MeterDays
from workflows_dagster.reports.layout import Place, fed_into_grid, layout
from workflows_dagster.reports.lines import MOSTLY, daily, headline_of, known, lines_of, name_of
from workflows_dagster.reports.wording import (
    FAR_MORE,
    MONTHS,
    amount,
    capitalised,
    day_name,
    listed,
    month_name,
    more_or_less,
    number,
    percent,
    span,
)
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MeterBook
from workflows_dagster.settings.utilities import Utility

METHOD = (
    "Each figure is what the meter counted from the beginning of the month's first day to the end of its last, so "
    "nothing is lost between two months. Where a meter was read less often than about once a day, the difference "
    "between two readings is spread over the days between them as the meter's usual year suggests, and called "
    "estimated."
)
TITLES: Mapping[Utility, str] = {
    "electricity": "Electricity",
    "gas": "Gas",
    "water": "Water",
    "heat": "Heat",
    "solar": "Solar",
}
# What stands out below a utility's main meter: a change of this much in a meter of this part of the whole.
_STANDS_OUT, _PART_OF_WHOLE, _MOST_NAMED = 0.15, 0.05, 2


def compose(settings: Settings, gathered: GatheredMonth, notes: Sequence[Note]) -> MonthContent:
    """Say what a month was like.

    Args:
        settings: The house.
        gathered: The month.
        notes: What the reader should know.
    """
    meters, month = settings.meters, gathered.month
    sections = [
        _section(utility, places, gathered)
        for utility, places in layout(meters, fed_into_grid(settings)).items()
        if any(place.meter.meter_id in gathered.meters for place in places)
    ]
    return MonthContent(
        month=month,
        title=month_name(month),
        month_before=MONTHS[months.shifted(month, -1).month - 1],
        year_before=month_name(months.first_needed(month)),
        summary=_summary(sections, month),
        sections=sections,
        notes=[_dated(note, meters, month.year) for note in notes],
        method=METHOD,
    )


def _section(utility: Utility, places: Sequence[Place], gathered: GatheredMonth) -> Section:
    month = gathered.month
    lines = lines_of(places, gathered)
    headline, counted = headline_of(utility, places, lines, gathered)
    if headline.role == "total":
        lines = [headline, *map(_below_total, lines)]
    return Section(
        utility=utility,
        title=TITLES[utility],
        lines=lines,
        headline=headline,
        sentence=_sentence(headline, lines, month, counted.valued(month)),
        months=_months(TITLES[utility], counted, month),
        days=_days(utility, counted, month),
        fed_in=_is_fed_in(places, gathered),
    )


def _is_fed_in(places: Sequence[Place], gathered: GatheredMonth) -> bool:
    return all(place.fed_in for place in places if place.meter.meter_id in gathered.meters)


def _below_total(line: Line) -> Line:
    if line.role == "main":
        return replace(line, role="side", depth=1)
    return replace(line, depth=line.depth + 1) if line.depth else line


def _sentence(headline: Line, lines: Sequence[Line], month: date, valued: int) -> str:
    said = []
    if headline.year_change is not None:
        against = f"{number(headline.per_day.value)} against {amount(headline.year_before)} a day"
        verdict = more_or_less(headline.year_change)
        than = "as" if verdict.endswith("much") else "than"
        said.append(f"{capitalised(verdict)} {than} in {month_name(months.first_needed(month))}: {against}.")
    elif headline.per_day.value is not None:
        before = month_name(months.first_needed(month))
        why = ""
        if headline.year_before.value == 0:
            why = f"; none at all in {before}"
        elif valued == months.last_day(month).day:
            why = f"; there is no whole {before} to compare with"
        said.append(f"{amount(headline.per_day)} a day{why}.")
    outstanding = sorted((line for line in lines if _stands_out(line, headline)), key=_moved, reverse=True)
    if outstanding:
        named = [f"{line.name} ({more_or_less(line.year_change or 0.0)})" for line in outstanding[:_MOST_NAMED]]
        said.append(f"Most changed against that month: {listed(named)}.")
    return " ".join(said)


def _stands_out(line: Line, headline: Line) -> bool:
    """Tell whether a meter below the main one changed in a way that is known and matters."""
    if line is headline or line.role == "device" or line.year_change is None or line.used.value is None:
        return False
    comparable = line.used.unit == headline.used.unit and headline.used.value
    matters = not comparable or abs(line.used.value) >= _PART_OF_WHOLE * abs(headline.used.value or 0.0)
    is_known = (line.estimated_share or 0.0) < MOSTLY and not line.remarks
    # What changed just as the whole did is told with the whole; a multiple of almost nothing tells nothing.
    by_whole = 1 + (headline.year_change or 0.0)
    against_whole = (1 + line.year_change) / by_whole - 1 if by_whole > 0 else line.year_change
    is_plain = abs(line.year_change) >= _STANDS_OUT and line.year_change < FAR_MORE
    return bool(matters) and is_known and is_plain and abs(against_whole) >= _STANDS_OUT


def _moved(line: Line) -> float:
    return abs((line.per_day.value or 0.0) - (line.year_before.value or 0.0))


def _months(title: str, counted: MeterDays, month: date) -> Series:
    rows = counted.by_month(month)
    year_before = months.first_needed(month)
    bars = []
    for back in range(months.MONTHS_A_YEAR, -1, -1):
        first = months.shifted(month, -back)
        if first not in rows.index:
            bars.append(Bar(first, None, 0.0, whole=False))
            continue
        row: dict[str, Any] = {str(column): rows.at[first, column] for column in rows.columns}
        value, share = known(row["consumption"]), known(row["estimated_share"])
        label = number(value) if first in (month, year_before) and value is not None else ""
        bars.append(Bar(first, value, share or 0.0, label, bool(row["whole"])))
    there = [bar for bar in bars if bar.value is not None]
    told = [f"{month_name(bar.first)} {number(bar.value)}" for bar in there if bar.label]
    words = f"Bars: {title.lower()} in {counted.unit} in each of the last thirteen months; {', '.join(told)}"
    if len(there) > 1:
        most = max(there, key=lambda bar: bar.value or 0.0)
        least = min(there, key=lambda bar: bar.value or 0.0)
        words += f"; most in {month_name(most.first)} ({number(most.value)})"
        words += f", least in {month_name(least.first)} ({number(least.value)})"
    return Series(counted.unit, bars, f"The last thirteen months, {counted.unit} a month", f"{words}.")


def _days(utility: Utility, counted: MeterDays, month: date) -> Series:
    unit, scale = daily(utility, counted.unit)
    by_day = counted.by_day()
    bars = []
    for offset in range(months.last_day(month).day):
        day = month + timedelta(days=offset)
        used, share = by_day.get(day, (math.nan, math.nan))
        value = known(used)
        bars.append(Bar(day, None if value is None else value * scale, known(share) or 0.0, whole=value is not None))
    there = [bar for bar in bars if bar.value is not None]
    words = f"Bars: {TITLES[utility].lower()} in {unit} on each day of {month_name(month)}"
    if there:
        most = max(there, key=lambda bar: bar.value or 0.0)
        least = min(there, key=lambda bar: bar.value or 0.0)
        words += f"; most on {day_name(most.first)} ({number(most.value)})"
        words += f", least on {day_name(least.first)} ({number(least.value)})"
    return Series(unit, bars, f"{MONTHS[month.month - 1]} day by day, {unit}", f"{words}.")


def _summary(sections: Sequence[Section], month: date) -> str:
    known = [section for section in sections if section.headline.used.value is not None]
    used = [section for section in known if section.utility != "solar" and not section.fed_in]
    given = [section for section in known if section.utility == "solar" and not section.fed_in]
    fed_in = [section for section in known if section.fed_in]
    than = f" a day than in {month_name(months.first_needed(month))}"
    told = []
    for section in (*used, *given, *fed_in):
        ratio = section.headline.year_change
        verdict = "" if ratio is None else more_or_less(ratio)
        # The first comparison says with what; the others follow it.
        as_or_than = than.replace(" than ", " as ") if verdict.endswith("much") else than
        against = f" ({verdict}{as_or_than})" if verdict else ""
        than = than if not verdict else ""
        of = "" if section in given else f" of {'solar power' if section.utility == 'solar' else section.title.lower()}"
        told.append(f"{amount(section.headline.used)}{of}{against}")
    parts = []
    if used:
        parts.append(f"the house used {listed(told[: len(used)])}")
    if given:
        parts.append(f"solar gave {told[len(used)]}")
    if fed_in:
        parts.append(f"{listed(told[len(used) + len(given) :])} went into the grid")
    sentences = [f"In {month_name(month)} {'; '.join(parts)}."] if parts else []
    sentences += _unknown(sections, month)
    sentences += _days_so_far(known, month)
    estimated = [s.title.lower() for s in known if (s.headline.estimated_share or 0.0) >= MOSTLY]
    if estimated:
        shares = [s.headline.estimated_share or 0.0 for s in known if s.title.lower() in estimated]
        how = "estimated" if min(shares) >= 1.0 else f"estimated to {percent(min(shares))} or more"
        sentences.append(
            f"{capitalised(listed(estimated))} {'is' if len(estimated) == 1 else 'are'} {how}, "
            "because the readings lie more than a day apart."
        )
    return " ".join(sentences)


def _unknown(sections: Sequence[Section], month: date) -> list[str]:
    """Say which utilities have no total, rather than pass over them; single meters may well have values."""
    unknown = [section for section in sections if section.headline.used.value is None]
    if not unknown:
        return []
    if all(line.used.value is None for section in sections for line in section.lines):
        return [f"No values are known of {month_name(month)}."]
    return [f"No total is known of {listed([section.title.lower() for section in unknown])} in {month_name(month)}."]


def _days_so_far(sections: Sequence[Section], month: date) -> list[str]:
    """Say where the month is not there from end to end, as it is while it runs."""
    calendar = months.last_day(month).day
    if not sections:
        return []
    there = {sum(bar.value is not None for bar in section.days.bars) for section in sections}
    if there == {calendar}:
        return []
    if len(there) == 1:
        return [f"These are {there.pop()} of the month's {calendar} days, so the month is not compared with others."]
    return ["Not every meter has a value for every day; such a month is not compared with others."]


def _dated(note: Note, meters: MeterBook, year: int) -> DatedNote:
    name = name_of(meters[note.meter_id]) if note.meter_id is not None and note.meter_id in meters else note.meter_id
    return DatedNote(", ".join(part for part in (name, span(note.first, note.last, year)) if part), note.sentence)
