"""Builds the rows of a utility's table: one meter's month per row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from workflows_dagster.domain import months
from workflows_dagster.reports.content import Amount, Line, Role
from workflows_dagster.reports.layout import Place
from workflows_dagster.reports.month_days import HouseMonth, MeterDays, together
from workflows_dagster.settings.meters import Meter
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording.report import ReportWords

# Days clipped to zero are remarked from this part of the month's consumption on.
_CLIPPED_SHARE = 0.05
_LITRES = 1000.0
_SHARE_DECIMALS = 9
# A figure with at least this estimated share is called estimated in a sentence.
MOSTLY = 0.5
# A month whose band reaches no further than this part of it to either side is as good as measured.
_WELL_KNOWN = 0.05


def lines_of(places: Sequence[Place], house_month: HouseMonth, report: ReportWords) -> list[Line]:
    """Write a utility's rows; devices follow their master only if several counted in the month.

    Args:
        places: The utility's meters in the order of the page.
        house_month: The month.
        report: The reader's language.
    """
    found = house_month.meters
    lines = []
    for place in places:
        if place.meter.meter_id not in found:
            continue
        devices = [device for device in place.devices if device.meter_id in found]
        counted = found[place.meter.meter_id]
        printed = place.meter.meter_id
        if len(devices) == 1:
            only = found[devices[0].meter_id]
            if counted.cost is None:
                # The tariff names the device, and the device is the master's only source.
                counted = replace(counted, cost=only.cost, cost_days=only.cost_days)
            printed += f" · {name_of(devices[0])}"
        lines.append(_of_meter(place.meter, place.role, place.depth, counted, house_month, printed, report))
        if len(devices) > 1:
            lines += [
                _of_meter(
                    device, "device", place.depth + 1, found[device.meter_id], house_month, device.meter_id, report
                )
                for device in devices
            ]
    return lines


def main_places(places: Sequence[Place], house_month: HouseMonth) -> list[Place]:
    """Give the places that stand for a utility in a month: its main meters, else those that stand highest."""
    found = house_month.meters
    there = [place for place in places if place.meter.meter_id in found]
    main = [place for place in there if place.role == "main"]
    if not main:
        there = [place for place in there if not place.fed_in] or there
        top = [place for place in there if place.depth == min(place.depth for place in there)]
        unit = found[top[0].meter.meter_id].unit
        main = [place for place in top if found[place.meter.meter_id].unit == unit]
    return main


def headline_of(
    utility: Utility, places: Sequence[Place], lines: Sequence[Line], house_month: HouseMonth, report: ReportWords
) -> tuple[Line, MeterDays]:
    """Give the utility's total row and its days: the main meter, or the sum of several.

    If no main meter has days in the month, the topmost meters that have days replace it; feed-in only if there is
    nothing else. Of several, those without any value in the month are left out, and the name says so.
    """
    main = main_places(places, house_month)
    found = house_month.meters
    if len(main) == 1:
        line = next(line for line in lines if line.meter_id == main[0].meter.meter_id)
        return line, found[main[0].meter.meter_id]
    counted = [place for place in main if found[place.meter.meter_id].valued(house_month.month)] or main
    total = together([found[place.meter.meter_id] for place in counted])
    without = [name_of(place.meter) for place in main if place not in counted]
    name = report.sum_of_meters(utility, len(main), without)
    return line_of(name, None, "total", 0, total, house_month, utility, report), total


def counted_meters(places: Sequence[Place], house_month: HouseMonth) -> list[Meter]:
    """Give the meters that a utility's headline adds up."""
    main = main_places(places, house_month)
    valued = [place for place in main if house_month.meters[place.meter.meter_id].valued(house_month.month)]
    return [place.meter for place in valued or main]


def known_to(line: Line) -> float | None:
    """Give to how much a month is known on either side, if its readings leave little open; None otherwise."""
    if line.used.band is None or not line.used.value:
        return None
    half = (line.used.band[1] - line.used.band[0]) / 2
    return half if half <= _WELL_KNOWN * abs(line.used.value) else None


def name_of(meter: Meter) -> str:
    """Name a meter in the owner's words, or by its id where there are none."""
    return meter.description or meter.meter_id


def _of_meter(
    meter: Meter,
    role: Role,
    depth: int,
    counted: MeterDays,
    house_month: HouseMonth,
    printed: str,
    report: ReportWords,
) -> Line:
    line = line_of(name_of(meter), meter.meter_id, role, depth, counted, house_month, meter.utility, report)
    return replace(line, small_print=printed if meter.description or printed != meter.meter_id else "")


def line_of(
    name: str,
    meter_id: str | None,
    role: Role,
    depth: int,
    counted: MeterDays,
    house_month: HouseMonth,
    utility: Utility,
    report: ReportWords,
) -> Line:
    """Write one row.

    Args:
        name: What it is called.
        meter_id: The meter, None for several together.
        role: What it is among the utility's meters.
        depth: How many meters stand above it.
        counted: Its days.
        house_month: The month.
        utility: Which utility.
        report: The reader's language.
    """
    month = house_month.month
    row = counted.month(month)
    per_day = known(row["per_day"])
    daily_unit, scale = daily(utility, counted.unit)
    compared = [
        (months.shifted(month, -distance), known(row[column]))
        for distance, column in zip(months.COMPARED_WITH, ("previous_month", "previous_year"), strict=True)
    ]
    is_open = [before is not None and _is_open(counted, month, other, per_day, before) for other, before in compared]
    month_change, year_change = (
        0.0 if unclear else _change(per_day, before) for unclear, (_, before) in zip(is_open, compared, strict=True)
    )
    return Line(
        name=name,
        meter_id=meter_id,
        role=role,
        depth=depth,
        used=Amount(known(row["consumption"]), counted.unit, _band(counted, month, row)),
        per_day=Amount(_scaled(per_day, scale), daily_unit),
        month_change=month_change,
        year_change=year_change,
        year_before=Amount(_scaled(known(row["previous_year"]), scale), daily_unit),
        # A weighted mean of ones may differ from 1 in its last bit.
        estimated_share=known(round(float(row["estimated_share"]), _SHARE_DECIMALS)),
        cost=counted.cost,
        remarks=tuple(_remarks(counted, row, house_month, report)),
        is_open=(is_open[0], is_open[1]),
    )


def _band(counted: MeterDays, month: date, row: Mapping[str, Any]) -> tuple[float, float] | None:
    """Give a month's stored band, unless the month has changed since."""
    band = counted.bands.get(month)
    return band if band is not None and band[0] <= row["consumption"] <= band[1] else None


def _is_open(counted: MeterDays, month: date, other: date, now: float | None, before: float) -> bool:
    """Tell whether the bands of two months' daily means leave open which of them is more."""
    widths = [_half_width_a_day(counted, one) for one in (month, other)]
    return now is not None and any(widths) and abs(now - before) < math.hypot(*widths)


def _half_width_a_day(counted: MeterDays, month: date) -> float:
    lower, upper = counted.bands.get(month, (0.0, 0.0))
    return (upper - lower) / 2 / months.last_day(month).day


def daily(utility: Utility, unit: str) -> tuple[str, float]:
    """Give the unit of a day's figure, and how many of it make one unit of the month."""
    return ("l", _LITRES) if utility == "water" and unit == "m³" else (unit, 1.0)


def known(value: float) -> float | None:
    """Give a figure, or None for NaN."""
    return None if math.isnan(value) else float(value)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None or before <= 0 else now / before - 1


def _remarks(counted: MeterDays, row: Mapping[str, Any], house_month: HouseMonth, report: ReportWords) -> Iterator[str]:
    words = report.words
    valued = int(row["days"] - row["missing_days"])
    if valued == 0:
        yield words.say("no value this month")
        return
    if valued < house_month.days:
        yield words.say("{valued} of {days} days", valued=valued, days=months.last_day(house_month.month).day)
    if row["clipped"] > _CLIPPED_SHARE * row["consumption"]:
        if row["residual"] > 0:
            yield words.say("uncertain: on some days the parts came to more than the whole; those days are set off")
        else:
            yield words.say(
                "uncertain: on some days the parts came to more than the whole; with those days set off nothing is left"
            )
    if counted.cost is not None and counted.cost_days < valued:
        yield words.say_count("cost of {number} day", "cost of {number} days", counted.cost_days)
