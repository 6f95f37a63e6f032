"""Builds one utility's section of the report: table, plots, and a sentence about changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from workflows_dagster.domain import months
from workflows_dagster.reports.content import Line, Section
from workflows_dagster.reports.layout import Place
from workflows_dagster.reports.lines import MOSTLY, counted_meters, headline_of, lines_of
from workflows_dagster.reports.month_days import HouseMonth
from workflows_dagster.reports.plot_series import series_of_days, series_of_months
from workflows_dagster.reports.year import YearSoFar, curve_of, year_sentence
from workflows_dagster.settings.meters import Meter
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording.report import FAR_MORE, ReportWords

# A sub-meter is mentioned if it changed by this much and is at least this part of the whole.
_STANDS_OUT, _PART_OF_WHOLE, _MOST_NAMED = 0.15, 0.05, 2


def section_of(
    utility: Utility,
    places: Sequence[Place],
    house_month: HouseMonth,
    report: ReportWords,
    year_of: Callable[[Sequence[Meter]], YearSoFar | None],
) -> Section:
    """Write one utility's section.

    Args:
        utility: Which.
        places: Its meters in the order of the page; some have days in the month.
        house_month: The month.
        report: The reader's language.
        year_of: Reads the year so far of the meters that the headline adds up.
    """
    month = house_month.month
    year = year_of(counted_meters(places, house_month))
    lines = lines_of(places, house_month, report)
    headline, counted = headline_of(utility, places, lines, house_month, report)
    if headline.role == "total":
        lines = [headline, *map(_below_total, lines)]
    is_whole = counted.valued(month) == months.last_day(month).day
    return Section(
        utility=utility,
        title=report.title(utility),
        lines=lines,
        headline=headline,
        sentence=_sentence(headline, lines, report.words.format.month(months.first_needed(month)), is_whole, report),
        months=series_of_months(utility, counted, month, report),
        days=series_of_days(utility, counted, month, report),
        year=year_sentence(year, report),
        curve=curve_of(year, report.name(utility), report),
        fed_in=_is_fed_in(places, house_month),
    )


def _is_fed_in(places: Sequence[Place], house_month: HouseMonth) -> bool:
    return all(place.fed_in for place in places if place.meter.meter_id in house_month.meters)


def _below_total(line: Line) -> Line:
    if line.role == "main":
        return replace(line, role="side", depth=1)
    return replace(line, depth=line.depth + 1) if line.depth else line


def _sentence(headline: Line, lines: Sequence[Line], year_before: str, is_whole: bool, report: ReportWords) -> str:
    words = report.words
    said = []
    if headline.year_change is not None:
        before = report.amount(headline.year_before.value, headline.year_before.unit)
        now = report.number(headline.per_day.value)
        if headline.is_open[1]:
            said.append(
                words.say(
                    "{now} against {before} a day in {month}: no difference that the readings could show.",
                    now=now,
                    before=before,
                    month=year_before,
                )
            )
        else:
            said.append(
                report.comparison(headline.year_change, "of the month", month=year_before, now=now, before=before)
            )
    elif headline.per_day.value is not None:
        amount = report.amount(headline.per_day.value, headline.per_day.unit)
        if headline.year_before.value == 0:
            said.append(words.say("{amount} a day; none at all in {month}.", amount=amount, month=year_before))
        elif is_whole:
            said.append(
                words.say(
                    "{amount} a day; there is no whole {month} to compare with.", amount=amount, month=year_before
                )
            )
        else:
            said.append(words.say("{amount} a day.", amount=amount))
    outstanding = sorted((line for line in lines if _stands_out(line, headline)), key=_moved, reverse=True)
    if outstanding:
        named = [f"{line.name} ({report.comparison(line.year_change or 0.0)})" for line in outstanding[:_MOST_NAMED]]
        said.append(words.say("Most changed against that month: {meters}.", meters=words.format.listed(named)))
    return " ".join(said)


def _stands_out(line: Line, headline: Line) -> bool:
    """Tell whether a sub-meter's change is large enough and mostly measured."""
    if line is headline or line.role == "device" or line.year_change is None or line.used.value is None:
        return False
    if line.is_open[1]:
        return False
    comparable = line.used.unit == headline.used.unit and headline.used.value
    matters = not comparable or abs(line.used.value) >= _PART_OF_WHOLE * abs(headline.used.value or 0.0)
    is_known = (line.estimated_share or 0.0) < MOSTLY and not line.remarks
    # A change equal to the whole's adds nothing; a multiple of almost nothing means nothing.
    by_whole = 1 + (headline.year_change or 0.0)
    against_whole = (1 + line.year_change) / by_whole - 1 if by_whole > 0 else line.year_change
    is_plain = abs(line.year_change) >= _STANDS_OUT and line.year_change < FAR_MORE
    return bool(matters) and is_known and is_plain and abs(against_whole) >= _STANDS_OUT


def _moved(line: Line) -> float:
    return abs((line.per_day.value or 0.0) - (line.year_before.value or 0.0))
