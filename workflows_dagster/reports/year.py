"""A utility's year so far: consumption and cost since January, last year's, and a forecast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, months, units
from workflows_dagster.domain.season import table_profile, weight_of
from workflows_dagster.domain.year_pace import rest_of_year
from workflows_dagster.records.days import read_days
from workflows_dagster.reports.content import Curve, Money
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter
from workflows_dagster.stores.ports import CONSUMPTION_YEARLY, COST_DAILY, ProcessedStore
from workflows_dagster.wording.report import ReportWords

# With fewer days the year is not mentioned.
_FEWEST_DAYS = 28
# The present price is the mean of the last days.
_PRICE_DAYS = 31


@dataclass(frozen=True)
class YearSoFar:
    """The year of a utility's main meter, or of several together, since 1 January.

    Attributes:
        first: First of January.
        last: Last day that counts.
        unit: kWh or m³.
        used: Consumption of each day until then, NaN if unknown. [unit], shape (n,)
        before: Consumption of each day of the whole year before. [unit]
        cost: Cost of the days, None if a day's cost is unknown.
        pace: Forecast cost of the whole year, likewise.
        advance: Advance payments of the year, None if no tariff has them.
        band: The stored 80 % band of the days' sum, if it is estimated and the stored year covers these days. [unit]
    """

    first: date
    last: date
    unit: str
    used: np.ndarray
    before: np.ndarray
    cost: Money | None = None
    pace: Money | None = None
    advance: Money | None = None
    band: tuple[float, float] | None = None

    @property
    def total(self) -> float | None:
        """Consumption since January, None if a day is missing. [unit]"""  # noqa: D415
        total = math.fsum(self.used)
        return None if math.isnan(total) else total

    @property
    def same_days_before(self) -> float | None:
        """Consumption of the same days of the year before, likewise. [unit]"""  # noqa: D415
        return _sum(self.before[: _day_count(self.last, self.first.year - 1)])

    @property
    def rest_before(self) -> float | None:
        """Consumption of the rest of the year before, likewise. [unit]"""  # noqa: D415
        return _sum(self.before[_day_count(self.last, self.first.year - 1) :])


def year_so_far(settings: Settings, store: ProcessedStore, meters: Sequence[Meter], month: date) -> YearSoFar | None:
    """Read a utility's year until the end of a month.

    Args:
        settings: The house.
        store: Its days and costs.
        meters: The main meter, or several that count side by side.
        month: First civil day of the month.

    Returns:
        The year; None if no day has a value.

    Raises:
        StoreError: The store cannot be read.
    """
    zone = settings.site.zone
    first, last = date(month.year, 1, 1), months.last_day(month)
    year_before = date(month.year - 1, 1, 1)
    unit = "kWh" if units.is_energy(meters[0].output_unit) else "m³"
    used = pd.Series(0.0, index=pd.date_range(year_before, last))
    for meter in meters:
        frame = read_days(store, meter.meter_id, days.opening(year_before, zone), days.closing(last, zone))
        civil = pd.DatetimeIndex([pd.Timestamp(day) for day in days.civil_days(pd.DatetimeIndex(frame.index), zone)])
        consumed = frame["consumption"].to_numpy(dtype=float) * units.factor(meter.output_unit, unit)
        used = used + pd.Series(consumed, index=civil, dtype=float).reindex(used.index)
    amounts = used.to_numpy(dtype=float)
    known, begin = np.flatnonzero(~np.isnan(amounts)), (first - year_before).days
    if not len(known) or known[-1] < begin:
        return None
    last = year_before + timedelta(days=int(known[-1]))
    so_far = YearSoFar(first, last, unit, amounts[begin : known[-1] + 1], amounts[:begin])
    so_far = replace(so_far, band=_band(so_far, settings, store, meters))
    return _with_costs(so_far, settings, store, meters)


def _band(
    so_far: YearSoFar, settings: Settings, store: ProcessedStore, meters: Sequence[Meter]
) -> tuple[float, float] | None:
    """Read the band of the year's sum; several meters together have none of their own."""
    zone = settings.site.zone
    opening = days.opening(so_far.first, zone)
    if len(meters) > 1:
        return None
    stored = store.read(CONSUMPTION_YEARLY, meters[0].meter_id, opening, opening + pd.Timedelta(days=1))
    if stored.empty or stored["days"].iloc[0] != len(so_far.used) or math.isnan(stored["lower"].iloc[0]):
        return None
    factor = units.factor(meters[0].output_unit, so_far.unit)
    return float(stored["lower"].iloc[0] * factor), float(stored["upper"].iloc[0] * factor)


def _with_costs(so_far: YearSoFar, settings: Settings, store: ProcessedStore, meters: Sequence[Meter]) -> YearSoFar:
    """Add the year's cost, if every day has a cost at every meter."""
    zone, currency = settings.site.zone, settings.tariffs.currency
    start, end = days.opening(so_far.first, zone), days.closing(so_far.last, zone)
    counted = (so_far.last - so_far.first).days + 1
    cost = standing = paid = 0.0
    for meter in meters:
        rows = store.read(COST_DAILY, meter.meter_id, start, end)
        rows = rows[rows["cost"].notna()]
        if len(rows) < counted:
            return so_far
        cost += math.fsum(rows["cost"])
        newest = rows.iloc[-_PRICE_DAYS:]
        standing += float(newest["standing_charge"].mean())
        paid += math.fsum(newest["cost"] - newest["standing_charge"])
    so_far = replace(so_far, cost=Money(cost, currency))
    total = so_far.total
    if total is None or counted < _FEWEST_DAYS:
        return so_far
    share = _share(settings, meters[0], so_far)
    rest = rest_of_year(total, share, so_far.same_days_before, so_far.rest_before)
    priced = math.fsum(so_far.used[-_PRICE_DAYS:])
    left = (date(so_far.first.year, 12, 31) - so_far.last).days
    if rest is None or (priced <= 0 and left):
        return so_far
    price = paid / priced if priced > 0 else 0.0
    pace = cost + (rest * price + left * standing if left else 0.0)
    return replace(so_far, pace=Money(pace, currency), advance=_advance(settings, meters))


def _advance(settings: Settings, meters: Sequence[Meter]) -> Money | None:
    """Add up the year's advance payments of the tariffs of the meters and of masters' devices."""
    found = {}
    for meter in meters:
        devices = [settings.meters[name] for name in meter.upstream] if isinstance(meter, MasterMeter) else []
        for one in (meter, *devices):
            tariff = settings.tariffs.of_meter(one)
            if tariff is not None and tariff.advance is not None:
                found[id(tariff)] = tariff.advance
    return Money(months.MONTHS_A_YEAR * math.fsum(found.values()), settings.tariffs.currency) if found else None


def _share(settings: Settings, meter: Meter, so_far: YearSoFar) -> float:
    """Give the days' share of a usual year: by the meter's pattern, else by the number of days."""
    names = [meter.meter_id, *meter.upstream]
    pattern = next((found for name in names if (found := settings.pattern_of(name)) is not None), None)
    zone, year = settings.site.zone, so_far.first.year
    cuts = [days.opening(so_far.first, zone), days.closing(so_far.last, zone), days.closing(date(year, 12, 31), zone)]
    begun, now, end = weight_of(table_profile(pattern)).integral(days.microseconds(pd.DatetimeIndex(cuts)))
    return float((now - begun) / (end - begun))


def year_sentence(so_far: YearSoFar | None, report: ReportWords) -> str:
    """Write the year so far: consumption, last year's, cost, forecast; empty if nothing is known."""
    if so_far is None or so_far.total is None:
        return ""
    words, amount = report.words, report.amount(so_far.total, so_far.unit, so_far.band)
    said = words.say("Since 1 January {amount}", amount=amount)
    if so_far.same_days_before is not None:
        before = report.amount(so_far.same_days_before, so_far.unit)
        said += " " + words.say("({amount} in the same days of {year})", amount=before, year=so_far.first.year - 1)
    if so_far.cost is not None:
        said += f", {report.money(so_far.cost.value, so_far.cost.currency)}"
    return f"{said}. {_pace_sentence(so_far, report)}".strip()


def _pace_sentence(so_far: YearSoFar, report: ReportWords) -> str:
    if so_far.pace is None or so_far.pace.value <= 0:
        return ""
    say, currency = report.words.say, so_far.pace.currency
    pace, is_over = report.money(so_far.pace.value, currency), so_far.last == date(so_far.first.year, 12, 31)
    if so_far.advance is None:
        return "" if is_over else say("At this pace {pace} this year.", pace=pace)
    figures = {
        "pace": pace,
        "paid": report.money(so_far.advance.value, currency),
        "difference": report.money(abs(so_far.pace.value - so_far.advance.value), currency),
    }
    is_more = so_far.pace.value > so_far.advance.value
    if is_over:
        if is_more:
            return say("The year cost {pace}, paid in advance {paid}: {difference} more.", **figures)
        return say("The year cost {pace}, paid in advance {paid}: {difference} less.", **figures)
    if is_more:
        return say("At this pace {pace} this year, paid in advance {paid}: {difference} more.", **figures)
    return say("At this pace {pace} this year, paid in advance {paid}: {difference} less.", **figures)


def curve_of(so_far: YearSoFar | None, name: str, report: ReportWords) -> Curve | None:
    """Give the year's cumulative consumption and last year's; None if nothing is known.

    Args:
        so_far: The year.
        name: The utility's name within a sentence.
        report: The reader's language.
    """
    if so_far is None or math.isnan(so_far.used[0]):
        return None
    words, year = report.words, so_far.first.year
    this_year, before = _reached(so_far.used), _reached(so_far.before)
    told = [f"{year} {report.amount(this_year[-1], so_far.unit)}"] if this_year[-1] is not None else []
    if before and so_far.same_days_before is not None:
        told.append(f"{year - 1} {report.amount(so_far.same_days_before, so_far.unit)}")
    description = words.say(
        "Lines: {utility} in {unit} added up since 1 January, until {day}: {amounts}.",
        utility=name,
        unit=so_far.unit,
        day=words.format.day_of_year(so_far.last),
        amounts=words.format.listed(told),
    )
    caption = words.say("Since 1 January, {unit}: {year} and the year before", unit=so_far.unit, year=year)
    return Curve(so_far.unit, so_far.first, this_year, before, caption, description)


def _reached(used: np.ndarray) -> tuple[float | None, ...]:
    """Give cumulative sums; None from the first unknown day on."""
    return tuple(None if math.isnan(value) else float(value) for value in np.cumsum(used))


def _sum(values: np.ndarray) -> float | None:
    total = math.fsum(values) if len(values) else math.nan
    return None if math.isnan(total) else total


def _day_count(last: date, year: int) -> int:
    """Count the days of another year up to the same calendar day."""
    same = date(year, last.month, min(last.day, months.last_day(date(year, last.month, 1)).day))
    return (same - date(year, 1, 1)).days + 1
