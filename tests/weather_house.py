"""A house with a gas meter that heats, read every two months, and the outdoor temperature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.houses import SmallHouse
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {{meter_id: gas, type: physical, output_unit: m³, utility: gas, installation_date: 2023-01-01,
     pattern: wintry{gas}}}
  - {{meter_id: water, type: physical, output_unit: m³, utility: water, installation_date: 2023-01-01}}
"""
PATTERNS = "patterns: {wintry: {monthly_percentages: [17, 15, 13, 8, 4, 2, 1.5, 1.5, 3.5, 8, 11.5, 15]}}"
HOURS = pd.date_range("2022-12-25", "2025-01-01", freq="h", tz="UTC", unit="us", inclusive="left")


def temperatures() -> pd.Series:
    """A mild January and a cold March, so that the calendar is wrong."""
    day = np.asarray(HOURS.day_of_year, dtype=float)
    celsius = 10 - 9 * np.cos(2 * np.pi * (day - 20) / 365)
    celsius += 8.0 * (HOURS.month == 1) - 8.0 * (HOURS.month == 3) + 3 * np.sin(np.arange(len(HOURS)) / 24 / 3)
    return pd.Series(celsius.round(1), index=HOURS)


def heated(celsius: pd.Series) -> pd.Series:
    """What the gas meter shows at the end of each day: 1 m³ a day, and 0.8 m³ a degree below 15 °C."""
    means = celsius.resample("D").mean()
    return (1 + 0.8 * (15 - means).clip(lower=0)).cumsum()


def house_of(small_house: Callable[..., SmallHouse], gas: str = "", *, known: bool = True) -> SmallHouse:
    house = small_house(METERS.format(gas=gas), patterns=PATTERNS)
    celsius = temperatures()
    shown = heated(celsius)
    read = [pd.Timestamp(f"{2023 + k // 6}-{2 * (k % 6) + 1:02}-01", tz="UTC") for k in range(12)]
    readings = pd.Series([round(float(shown.asof(at)), 2) for at in read], index=pd.DatetimeIndex(read).as_unit("us"))
    house.store.write_readings(RawSeries("m³", "gas"), readings)
    house.store.write_readings(RawSeries("m³", "water"), readings)
    if known:
        house.store.write_readings(OUTDOOR, celsius)
    return house
