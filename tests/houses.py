"""Houses of many tests: any that is written on the spot, and the small one: a main meter, a flat, and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pandas as pd

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries, Store

SMALL = ("main", "flat", "rest")


def small(installed: str, **options: str) -> str:
    """Give the meters.yaml of the small house.

    Args:
        installed: Day on which both devices were installed.
        options: Further settings by meter, such as `main="reading_interval_days: 30"`.
    """
    further = {name: f", {options[name]}" if name in options else "" for name in SMALL}
    return (
        "meters:\n"
        f"  - {{meter_id: main, type: physical, output_unit: kWh, installation_date: {installed}{further['main']}}}\n"
        f"  - {{meter_id: flat, type: physical, output_unit: kWh, installation_date: {installed}{further['flat']}}}\n"
        "  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: main,\n"
        f"     subtract_meters: [flat]{further['rest']}}}\n"
    )


CONFIG = Path(__file__).parents[1] / "config"


# A winter with both replacements, the 25-hour day, a Home Assistant zero's year and a silent week.
SAMPLE_DAYS = DayRange(date(2024, 1, 1), date(2025, 2, 28))


def fit_profiles(settings: Settings, store: Store, at: pd.Timestamp) -> None:
    """Do what the asset of profiles does, without Dagster."""
    meters = Evaluation(settings, store).of_physical
    for meter in settings.meters.physical:
        profile, spread = meters.fitted(meter)
        keep_profile(store, meter.meter_id, meter.output_unit, profile, at, spread)


class SmallHouse:
    """A house of a few meters, described in the test itself."""

    def __init__(self, settings: Settings, store: EmbeddedStore) -> None:
        self.settings, self.store = settings, store

    def read(self, meter_id: str, readings: Mapping[str, float], unit: str = "kWh") -> None:
        """Write readings at local times."""
        index = pd.DatetimeIndex(list(readings)).tz_localize(self.settings.site.zone).tz_convert("UTC").as_unit("us")
        series = pd.Series(list(readings.values()), index=index, dtype=float)
        self.store.write_readings(RawSeries(unit, meter_id), series)
