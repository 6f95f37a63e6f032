"""Maps each meter of the sample house to its flow, lifetime and resolution."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.sample_house.household import Household, stranger
from workflows_dagster.settings.meters import PhysicalMeter

# Flow that each known meter counts, and the flow's unit.
FLOWS: dict[str, tuple[str, str]] = {
    "strom_1LOG0007013695_NT": ("house_electricity_night", "kWh"),
    "strom_1LOG0007013695_HT": ("house_electricity_day", "kWh"),
    "haupt_strom": ("house_electricity", "kWh"),
    "eg_strom": ("eg_electricity", "kWh"),
    "og1_strom": ("og1_electricity", "kWh"),
    "og2_strom": ("og2_electricity", "kWh"),
    "gas_zahler_alt": ("house_gas", "m³"),
    "gas_zahler": ("house_gas", "m³"),
    "gastherme_gesamt": ("boiler", "kWh"),
    "gastherme_heizen": ("boiler_heating", "kWh"),
    "gastherme_warmwasser": ("boiler_hot_water", "kWh"),
    "haupt_wasser": ("house_water", "m³"),
    "og1_wasser_kalt": ("og1_cold_water", "m³"),
    "og1_wasser_warm": ("og1_hot_water", "m³"),
    "og2_wasser_kalt": ("og2_cold_water", "m³"),
    "og2_wasser_warm": ("og2_hot_water", "m³"),
    "eg_nord_heat": ("eg_north_heat", "kWh"),
    "eg_sud_heat": ("eg_south_heat", "kWh"),
    "og1_heat": ("og1_heat", "kWh"),
    "og2_heat": ("og2_heat", "kWh"),
    "buro_heat": ("office_heat", "kWh"),
    "solarspeicher": ("solar", "kWh"),
}

# Civil time of day of a replacement, if the file gives only the day. Old and new meter share it, so that together they
# count everything; it is listed for each meter, so that none depends on the other.
EXCHANGED_AT: dict[str, time] = {
    "strom_1LOG0007013695_NT": time(10),
    "strom_1LOG0007013695_HT": time(10),
    "haupt_strom": time(10),
    "gas_zahler_alt": time(11),
    "gas_zahler": time(11),
}
SUCCESSORS = frozenset({"haupt_strom", "gas_zahler"})
REMOVED_AT = time(12)
INSTALLED_WHERE_UNKNOWN = date(2022, 1, 1)


def is_read_by_hand(meter: PhysicalMeter) -> bool:
    """Tell whether a person reads the meter, weeks apart."""
    return not is_interval(meter) and (meter.reading_interval_days or 0) > 1


def is_interval(meter: PhysicalMeter) -> bool:
    """Tell whether the meter's source gives hourly consumption."""
    return meter.source.kind == "interval"


def installed_at(meter: PhysicalMeter, zone: ZoneInfo) -> pd.Timestamp:
    """Give the instant from which the meter counts, UTC."""
    moment = meter.installation_date or INSTALLED_WHERE_UNKNOWN
    clock = EXCHANGED_AT[meter.meter_id] if meter.meter_id in SUCCESSORS else time()
    return _at(moment, clock, zone)


def removed_at(meter: PhysicalMeter, zone: ZoneInfo) -> pd.Timestamp | None:
    """Give the instant until which the meter counts, UTC, or None if it is still installed."""
    if meter.deinstallation_date is None:
        return None
    return _at(meter.deinstallation_date, EXCHANGED_AT.get(meter.meter_id, REMOVED_AT), zone)


def _at(moment: date | datetime, clock: time, zone: ZoneInfo) -> pd.Timestamp:
    if days.is_whole_day(moment):
        moment = datetime.combine(date(moment.year, moment.month, moment.day), clock)
    return days.instant(moment, zone, end=False)


class Counter:
    """A meter's true, unrounded count since it was installed. [meter unit].

    Args:
        meter: The meter.
        house: The household.
        last: Last instant needed, UTC.

    Attributes:
        edges: Hour edges that cover the meter's life up to `last`, microseconds since 1970.
        first_year: Consumption of the UTC year in which the meter was installed. [meter unit]
    """

    def __init__(self, meter: PhysicalMeter, house: Household, last: pd.Timestamp) -> None:
        flow, unit = FLOWS.get(meter.meter_id, ("", ""))
        if not flow or not units.same_quantity(unit, meter.output_unit):
            flow = stranger(meter.meter_id, meter.utility, meter.output_unit)
            unit = "kWh" if units.is_energy(meter.output_unit) else "m³"
        scale = units.factor(unit, meter.output_unit)
        installed = installed_at(meter, house.zone)
        years = range(installed.year, last.year + 1)
        opening = np.concatenate([house.hours(year).opening for year in years])
        self.edges = np.append(opening, opening[-1] + days.MICROSECONDS_PER_HOUR)
        self._total = scale * np.append(0.0, np.cumsum(np.concatenate([house.consumption(flow, y) for y in years])))
        self._start = float(np.interp(microseconds(installed), self.edges, self._total))
        self.first_year = scale * float(house.consumption(flow, installed.year).sum())

    def at(self, instants: np.ndarray) -> np.ndarray:
        """Count from the installation to each instant, given in microseconds since 1970."""
        counted: np.ndarray = np.interp(instants, self.edges, self._total) - self._start
        return counted


def microseconds(instant: pd.Timestamp) -> int:
    """Give an instant as microseconds since 1970, UTC."""
    return int(instant.value) // 1000
