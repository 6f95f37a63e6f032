"""Simulates the sample house's hourly consumption: three flats, an office, a gas boiler, a fireplace, a solar roof."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from workflows_dagster.domain import units
from workflows_dagster.sample_house.civil_hours import DAYS_DRAWN, Hours, draws, hours_of

HOURS_PER_YEAR = 8766.0
KWH_PER_CUBIC_METRE_OF_GAS = 11.504 * 0.8885
BOILER_EFFICIENCY = 0.92
KWH_PER_CUBIC_METRE_OF_HOT_WATER = 58.0
HEATING_LIMIT = 15.0  # Outdoor temperature from which on nobody heats. [°C]
MEAN_HEATING_DEGREES = 6.0  # The year's mean of the degrees below that limit in this house's weather. [K]
DAY_TARIFF_HOURS = range(6, 22)  # HT; the other civil hours are NT.

# fmt: off
_EVENING = (2, 2, 2, 2, 2, 3, 6, 8, 6, 4, 4, 5, 6, 5, 4, 4, 5, 7, 10, 12, 11, 9, 6, 3)
_OFFICE = (3, 3, 3, 3, 3, 3, 4, 6, 9, 10, 10, 10, 9, 9, 9, 9, 9, 8, 7, 6, 5, 4, 3, 3)
_TAPS = (.2, .1, .1, .1, .2, 1, 6, 9, 7, 4, 3, 3, 4, 3, 2, 2, 3, 4, 6, 7, 6, 4, 2, .6)
_STAIRS = (3, 3, 3, 3, 3, 4, 6, 6, 4, 3, 3, 3, 3, 3, 3, 4, 6, 8, 8, 7, 6, 5, 4, 3)
_RADIATORS = (5, 5, 5, 5, 6, 9, 13, 13, 12, 11, 10, 10, 9, 9, 9, 9, 10, 11, 12, 12, 11, 10, 7, 5)
# fmt: on


@dataclass(frozen=True)
class _Tap:
    """A regular consumer: yearly amount, daily profile, flat and scatter.

    Attributes:
        yearly: Amount in an ordinary year. [kWh or m³]
        profile: Relative use in each hour of the civil day, 24 numbers.
        flat: Flat whose holidays reduce it.
        away: Part of the use that goes on while the flat is away. [1]
        winter: Half the difference between winter and summer relative to the mean. [1]
        weekend: Use at weekends relative to weekdays. [1]
        shape: Shape of the gamma distribution of single hours; small values are bursty. [1]
    """

    yearly: float
    profile: tuple[float, ...]
    flat: str
    away: float
    winter: float
    weekend: float
    shape: float


_TAPS_BY_FLOW = {
    "eg_electricity": _Tap(4100, _OFFICE, "eg", 0.35, 0.16, 0.80, 6.0),
    "og1_electricity": _Tap(2900, _EVENING, "og1", 0.25, 0.20, 1.15, 4.0),
    "og2_electricity": _Tap(2200, _EVENING, "og2", 0.25, 0.22, 1.12, 4.0),
    "stairs_electricity": _Tap(620, _STAIRS, "house", 1.0, 0.35, 1.0, 12.0),
    "eg_cold_water": _Tap(52, _TAPS, "eg", 0.0, -0.12, 0.90, 0.7),
    "eg_hot_water": _Tap(18, _TAPS, "eg", 0.0, 0.10, 0.90, 0.6),
    "og1_cold_water": _Tap(55, _TAPS, "og1", 0.0, -0.08, 1.15, 0.7),
    "og1_hot_water": _Tap(30, _TAPS, "og1", 0.0, 0.10, 1.15, 0.6),
    "og2_cold_water": _Tap(40, _TAPS, "og2", 0.0, -0.08, 1.10, 0.7),
    "og2_hot_water": _Tap(22, _TAPS, "og2", 0.0, 0.10, 1.10, 0.6),
}
_YEARLY_HEAT = {"eg_north_heat": 7500.0, "eg_south_heat": 5600.0, "og1_heat": 8800.0, "og2_heat": 7900.0}
_YEARLY_OFFICE_HEAT = 3400.0
_SUMS = {
    "house_electricity": ("eg_electricity", "og1_electricity", "og2_electricity", "common_electricity"),
    "house_water": (
        "eg_cold_water", "eg_hot_water", "og1_cold_water", "og1_hot_water", "og2_cold_water", "og2_hot_water",
    ),
    "delivered_heat": (*_YEARLY_HEAT, "office_heat"),
    "drawn_hot_water": ("eg_hot_water", "og1_hot_water", "og2_hot_water"),
    "boiler": ("boiler_heating", "boiler_hot_water"),
}  # fmt: skip

# Yearly consumption of a meter that is not in the shipped house, by utility and quantity. [kWh or m³]
_YEARLY_STRANGER = {
    ("electricity", "kWh"): 2500.0,
    ("gas", "kWh"): 12000.0,
    ("gas", "m³"): 1200.0,
    ("heat", "kWh"): 6000.0,
    ("heat", "m³"): 600.0,
    ("solar", "kWh"): 1500.0,
    ("water", "m³"): 80.0,
    ("water", "kWh"): 1800.0,
}


class Household:
    """The house's true consumption; depends only on zone and seed.

    Args:
        zone: Zone whose civil time the house lives by.
        seed: Which house of many.
    """

    def __init__(self, zone: ZoneInfo, seed: int) -> None:
        self.zone = zone
        self.seed = seed
        self._hours: dict[int, Hours] = {}
        self._flows: dict[tuple[str, int], NDArray[np.float64]] = {}

    def hours(self, year: int) -> Hours:
        """Give the hours of a UTC year in civil time."""
        if year not in self._hours:
            self._hours[year] = hours_of(year, self.zone)
        return self._hours[year]

    def consumption(self, flow: str, year: int) -> NDArray[np.float64]:
        """Give a flow's consumption in each hour of a UTC year. [kWh or m³], shape (hours of the year,), none negative.

        Args:
            flow: One of the house's flows, or a name from `stranger`.
            year: UTC year.
        """
        if (flow, year) not in self._flows:
            self._flows[flow, year] = self._made(flow, year)
        return self._flows[flow, year]

    def _made(self, flow: str, year: int) -> NDArray[np.float64]:
        if flow in _SUMS:
            parts = [self.consumption(part, year) for part in _SUMS[flow]]
            used: NDArray[np.float64] = np.sum(parts, axis=0)
            return used
        if flow in _TAPS_BY_FLOW:
            return self._tap(flow, _TAPS_BY_FLOW[flow], year)
        if flow in _YEARLY_HEAT:
            return self._heat(flow, _YEARLY_HEAT[flow], 1.05, year)
        if flow.startswith("stranger/"):
            return self._stranger(flow, year)
        return {
            "office_heat": self._office_heat,
            "common_electricity": self._common_electricity,
            "house_electricity_day": self._house_electricity_day,
            "house_electricity_night": self._house_electricity_night,
            "boiler_heating": self._boiler_heating,
            "boiler_hot_water": self._boiler_hot_water,
            "fireplace": self._fireplace,
            "house_gas": self._house_gas,
            "solar": self._solar,
        }[flow](year)

    def _tap(self, flow: str, tap: _Tap, year: int) -> NDArray[np.float64]:
        hours = self.hours(year)
        random = draws(self.seed, flow, year)
        by_day = random.lognormal(-0.02, 0.2, DAYS_DRAWN)[hours.day]
        by_hour = random.gamma(tap.shape, 1.0 / tap.shape, len(hours.hour))
        season = 1.0 + tap.winter * np.cos(2 * np.pi * (hours.yearday - 15) / 365.25)
        weekend = np.where(hours.weekend, tap.weekend, 1.0)
        presence = np.where(self._away(tap.flat, year), tap.away, 1.0)
        mean = tap.yearly / HOURS_PER_YEAR
        used: NDArray[np.float64] = mean * _by_hour(tap.profile, hours) * season * weekend * presence * by_day * by_hour
        return used

    def _away(self, flat: str, year: int) -> NDArray[np.bool_]:
        """Tell in which hours a flat is on holiday: a fortnight in summer and a week in autumn or winter."""
        random = draws(self.seed, f"{flat} holidays", year)
        summer, autumn = random.integers(182, 225), random.integers(278, 335)
        day = self.hours(year).day
        return ((day >= summer) & (day < summer + 14)) | ((day >= autumn) & (day < autumn + 7))

    def _temperature(self, year: int) -> NDArray[np.float64]:
        """Make the outdoor temperature of each of the year's civil days. [°C], shape (DAYS_DRAWN,)."""
        shocks = draws(self.seed, "outdoor temperature", year).normal(0.0, 2.1, DAYS_DRAWN)
        memory = 0.8 ** np.arange(25)
        weather = np.convolve(shocks, memory)[:DAYS_DRAWN]
        used: NDArray[np.float64] = 9.8 - 9.0 * np.cos(2 * np.pi * (np.arange(DAYS_DRAWN) - 18) / 365.25) + weather
        return used

    def _demand(self, year: int) -> NDArray[np.float64]:
        """Give each hour's need for heat relative to the year's mean. [1]."""
        hours = self.hours(year)
        degrees = np.maximum(HEATING_LIMIT - self._temperature(year), 0.0)[hours.day]
        return degrees / MEAN_HEATING_DEGREES * _by_hour(_RADIATORS, hours)

    def _heat(self, flow: str, yearly: float, weekend: float, year: int) -> NDArray[np.float64]:
        hours = self.hours(year)
        random = draws(self.seed, flow, year)
        by_day = random.lognormal(-0.01, 0.12, DAYS_DRAWN)[hours.day]
        by_hour = random.gamma(20.0, 1.0 / 20.0, len(hours.hour))
        return yearly / HOURS_PER_YEAR * self._demand(year) * np.where(hours.weekend, weekend, 1.0) * by_day * by_hour

    def _office_heat(self, year: int) -> NDArray[np.float64]:
        return self._heat("office_heat", _YEARLY_OFFICE_HEAT, 0.45, year)

    def _common_electricity(self, year: int) -> NDArray[np.float64]:
        """Give the electricity of stairs and heating pumps. [kWh]."""
        return self.consumption("stairs_electricity", year) + 0.035 * np.minimum(self._demand(year), 2.0)

    def _house_electricity_day(self, year: int) -> NDArray[np.float64]:
        by_day = np.isin(self.hours(year).hour, DAY_TARIFF_HOURS)
        return np.where(by_day, self.consumption("house_electricity", year), 0.0)

    def _house_electricity_night(self, year: int) -> NDArray[np.float64]:
        by_day = np.isin(self.hours(year).hour, DAY_TARIFF_HOURS)
        return np.where(by_day, 0.0, self.consumption("house_electricity", year))

    def _boiler_heating(self, year: int) -> NDArray[np.float64]:
        return self.consumption("delivered_heat", year) / BOILER_EFFICIENCY

    def _boiler_hot_water(self, year: int) -> NDArray[np.float64]:
        """Give the boiler's gas for hot water and for its circulation from six to midnight. [kWh]."""
        drawn = self.consumption("drawn_hot_water", year) * KWH_PER_CUBIC_METRE_OF_HOT_WATER / BOILER_EFFICIENCY
        return drawn + np.where(self.hours(year).hour >= 6, 0.16, 0.0)

    def _fireplace(self, year: int) -> NDArray[np.float64]:
        """Give the gas fireplace's consumption: lit on cold evenings, more often at weekends. [m³]."""
        hours = self.hours(year)
        random = draws(self.seed, "fireplace", year)
        luck = random.random(DAYS_DRAWN)[hours.day]
        flame = random.gamma(30.0, 1.0 / 30.0, len(hours.hour))
        cold = np.clip((12.0 - self._temperature(year)) / 14.0, 0.0, 1.0)[hours.day]
        lit = (luck < cold * np.where(hours.weekend, 0.95, 0.55)) & (hours.hour >= 18) & (hours.hour < 23)
        return np.where(lit, 0.62 * flame, 0.0)

    def _house_gas(self, year: int) -> NDArray[np.float64]:
        return self.consumption("boiler", year) / KWH_PER_CUBIC_METRE_OF_GAS + self.consumption("fireplace", year)

    def _solar(self, year: int) -> NDArray[np.float64]:
        return self._sun("solar", 1900.0, year)

    def _sun(self, flow: str, yearly: float, year: int) -> NDArray[np.float64]:
        hours = self.hours(year)
        clear = draws(self.seed, flow, year).beta(1.8, 1.5, DAYS_DRAWN)[hours.day]
        summer = np.cos(2 * np.pi * (hours.yearday - 172) / 365.25)
        daylight = 12.0 + 4.3 * summer
        # Half past eleven UTC is about solar noon in the middle of Europe.
        height = np.cos(np.pi * (hours.utc_hour + 0.5 - 11.5) / daylight)
        used: NDArray[np.float64] = (
            yearly / HOURS_PER_YEAR * 5.6 * clear * (1.0 + 0.55 * summer) * np.where(height > 0.0, height, 0.0)
        )
        return used

    def _stranger(self, flow: str, year: int) -> NDArray[np.float64]:
        _, utility, quantity, _ = flow.split("/", 3)
        yearly = _YEARLY_STRANGER[utility, quantity]
        if utility == "solar":
            return self._sun(flow, yearly, year)
        if utility in ("gas", "heat"):
            return self._heat(flow, yearly, 1.05, year)
        water = utility == "water"
        tap = _Tap(yearly, _TAPS if water else _EVENING, flow, 0.0 if water else 0.25, 0.1, 1.1, 0.7 if water else 4.0)
        return self._tap(flow, tap, year)


def stranger(meter_id: str, utility: str | None, unit: str) -> str:
    """Name the flow of a meter that is not in the shipped house: ordinary consumption of its utility.

    Args:
        meter_id: The meter; each has its own random draws.
        utility: electricity, gas, water, heat or solar; otherwise derived from the unit.
        unit: Canonical unit.
    """
    quantity = "kWh" if units.is_energy(unit) else "m³"
    if (utility, quantity) not in _YEARLY_STRANGER:
        utility = "electricity" if quantity == "kWh" else "water"
    return f"stranger/{utility}/{quantity}/{meter_id}"


def _by_hour(profile: tuple[float, ...], hours: Hours) -> NDArray[np.float64]:
    relative = np.array(profile) / np.mean(profile)
    spread: NDArray[np.float64] = relative[hours.hour]
    return spread
