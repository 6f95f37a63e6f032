"""A house with two heat meters: one is read by hand and goes along with its neighbour's, which reports by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tests.houses import SmallHouse, fit_profiles
from workflows_dagster.stores.ports import RawSeries

METERS = """\
meters:
  - {{meter_id: upstairs, type: physical, output_unit: MWh, utility: heat, installation_date: 2023-01-01{estimate}}}
  - {{meter_id: downstairs, type: physical, output_unit: kWh, utility: heat, installation_date: 2023-01-01}}
"""
LIKE = ", estimate: [like: downstairs]"
FITTED = pd.Timestamp("2024-12-31", tz="UTC")
DAYS = pd.date_range("2023-01-01", "2025-01-01", freq="D", tz="Europe/Berlin", unit="us")
DOWNSTAIRS = RawSeries("kWh", "downstairs")


def used() -> np.ndarray:
    """What is used downstairs, in kWh a day: by the season, and by a wave of some weeks that no calendar knows."""
    at = np.arange(len(DAYS) - 1)
    return np.round(20 + 18 * np.cos(2 * np.pi * (at - 20) / 365) + 8 * np.sin(at / 6.0) * (at % 90 < 45), 1).clip(0)


def upstairs() -> np.ndarray:
    """A quarter evenly, the rest as downstairs. [MWh]"""
    return 0.7 * (0.25 * used().mean() + 0.75 * used()) / 1000


def house_of(small_house, estimate: str = LIKE) -> SmallHouse:
    house: SmallHouse = small_house(METERS.format(estimate=estimate))
    at = DAYS.tz_convert("UTC")
    house.store.write_readings(DOWNSTAIRS, pd.Series(np.concatenate([[0.0], np.cumsum(used())]), at))
    shown = pd.Series(np.round(np.concatenate([[0.0], np.cumsum(upstairs())]), 4), at)
    house.store.write_readings(RawSeries("MWh", "upstairs"), shown.iloc[::61])
    fit_profiles(house.settings, house.store, FITTED)
    return house
