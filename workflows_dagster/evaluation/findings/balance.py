"""Checks that a derived meter's days add up to its sources' register advances, computed from meters.yaml alone.

The check is independent: it uses neither the matrix of contributions nor the conversion that the days are computed
with, so it finds errors in either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.conservation import advances, parts
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation.findings.stored_days import StoredDays
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter

# Findings during which a register falls although something was consumed.
FALLS = ("rollover", "undeclared_reset", "counter_restarts", "counter_turns_back", "decimals_lost")


@dataclass(frozen=True)
class Entry:
    """One source's part over consecutive days with one factor.

    Attributes:
        source: The source.
        days: The days, as meters.yaml dates them.
        factor: Derived meter's unit per the source's unit, negative where it is subtracted. [1]
    """

    source: str
    days: DayRange
    factor: float


def balance(meter: MasterMeter | VirtualMeter, stored: StoredDays, settings: Settings) -> list[Finding]:
    """Check that a derived meter's stored days equal the register advances of its sources.

    Args:
        meter: The meter.
        stored: The house's days.
        settings: The house.

    Raises:
        StoreError: The store cannot be read.
    """
    days_of = stored.within(meter.meter_id)
    whole = days_of["residual" if isinstance(meter, VirtualMeter) else "consumption"]
    pieces = {source: pd.Series(dtype=float) for source in meter.upstream}
    slack = pd.Series(0.0, index=whole.index)
    for entry in ledger(meter, settings):
        within = entry.days.clipped(stored.days)
        if within is None:
            continue
        start, end = within.bounds(settings.site.zone)
        advance, uncertain = _advances(settings.meters[entry.source], stored)
        on = advance.index[(advance.index >= start) & (advance.index < end)].intersection(whole.index)
        pieces[entry.source] = pieces[entry.source].add(entry.factor * advance[on], fill_value=0.0)
        slack[on] += abs(entry.factor) * uncertain[on]
    return parts(meter.meter_id, whole, pieces, slack)


def ledger(meter: MasterMeter | VirtualMeter, settings: Settings) -> Iterator[Entry]:
    """Give a derived meter's sources with their days and factors, from meters.yaml."""
    if isinstance(meter, VirtualMeter):
        for source in (meter.base_meter, *meter.subtract_meters):
            sign = 1.0 if source == meter.base_meter else -1.0
            for dated, factor in _dated_factors(settings.meters[source].output_unit, meter.output_unit, settings):
                yield Entry(source, dated, sign * factor)
        return
    previous = None
    for period in meter.periods:
        for source in period.source_meters:
            factor = units.factor(settings.meters[source].output_unit, meter.output_unit)
            begin = period.start_date
            # A source installed on the last day of the previous period counts from that day on.
            installed = _installed_on(settings.meters[source], settings)
            if installed == begin - timedelta(days=1) and previous and source not in previous.source_meters:
                begin = installed
            yield Entry(source, DayRange(begin, period.end_date or date.max), factor)
        previous = period


def _dated_factors(from_unit: str, to_unit: str, settings: Settings) -> Iterator[tuple[DayRange, float]]:
    """Give the factor between two units, and the days on which it holds."""
    if units.same_quantity(from_unit, to_unit):
        yield DayRange(date.min, date.max), units.factor(from_unit, to_unit)
        return
    pairs = settings.site.gas_conversion
    begins = [date.min, *(pair.valid_from for pair in pairs[1:])]
    ends = [*(begin - timedelta(days=1) for begin in begins[1:]), date.max]
    for pair, begin, end in zip(pairs, begins, ends, strict=True):
        if units.is_energy(from_unit):
            kwh, cubic_metres = units.factor(from_unit, "kWh"), units.factor("m³", to_unit)
            factor = kwh * cubic_metres / (pair.energy_content * pair.z_factor)
        else:
            cubic_metres, kwh = units.factor(from_unit, "m³"), units.factor("kWh", to_unit)
            factor = cubic_metres * kwh * (pair.energy_content * pair.z_factor)
        yield DayRange(begin, end), factor


def _advances(meter: Meter, stored: StoredDays) -> tuple[pd.Series, pd.Series]:
    """Give a source's advances by day, and how uncertain each is.

    A derived one has its own balance; what one that starts again shows when a day opens and closes says nothing.
    """
    frame = stored.of(meter.meter_id)
    if not isinstance(meter, PhysicalMeter) or meter.source.kind == "resetting":
        return frame["consumption"], 0.0 * frame["consumption"].fillna(0.0)
    falls = [finding for finding in stored.found(meter.meter_id) if finding.code in FALLS]
    return advances(frame, jitter_of(meter), falls)


def jitter_of(meter: PhysicalMeter) -> float:
    """Give the largest step back that counts as jitter. [meter unit]"""  # noqa: D415
    return 1.001 * meter.resolution


def _installed_on(meter: Meter, settings: Settings) -> date | None:
    if not isinstance(meter, PhysicalMeter) or meter.installation_date is None:
        return None
    zone = settings.site.zone
    return days.civil_day(days.instant(meter.installation_date, zone, end=False), zone)
